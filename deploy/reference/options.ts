/** Every option of the configuration file, as its JSON schema has them: what the reference and the documentation are made of. Pure. */

export interface JsonSchema {
  readonly type?: string
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly format?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly additionalProperties?: boolean | JsonSchema
}

export interface Option {
  readonly name: string
  /** `peers[].announce.med` */
  readonly path: string
  readonly description: string | undefined
  readonly type: string
  /** Undefined where the option is absent by default. */
  readonly fallback: unknown
  readonly needed: boolean
  /** Options inside: of the object itself, of each entry of a list, or of an object that may stand in place of a word. */
  readonly inside: readonly Option[]
  /** object: the options inside have their defaults when it is not given. */
  readonly kind: 'value' | 'object' | 'list' | 'choice'
}

export function optionsOf(schema: JsonSchema, at = ''): Option[] {
  return Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const path = `${at}${name}`
    const needed = property.default === undefined && (schema.required ?? []).includes(name)
    const { description, default: fallback } = property
    const kind = kindOf(property)
    const inside = insideOf(property, path)
    return { name, path, description, type: typeText(property), fallback, needed, inside, kind }
  })
}

/** All of them, each before those inside it. */
export function flat(options: readonly Option[]): Option[] {
  return options.flatMap((option) => [option, ...flat(option.inside)])
}

/** An empty list or one of several choices has options only where somebody writes them. */
function kindOf({ properties, items, anyOf }: JsonSchema): Option['kind'] {
  if (properties) return 'object'
  if (items && isCompound(items)) return 'list'
  return anyOf?.some(isCompound) ? 'choice' : 'value'
}

function isCompound({ properties, items, anyOf }: JsonSchema): boolean {
  return properties !== undefined || (items ? isCompound(items) : (anyOf ?? []).some(isCompound))
}

function insideOf(schema: JsonSchema, path: string): Option[] {
  if (schema.properties) return optionsOf(schema, `${path}.`)
  if (schema.items) return insideOf(schema.items, `${path}[]`)
  return (schema.anyOf ?? []).flatMap((each) => insideOf(each, path))
}

function typeText(schema: JsonSchema): string {
  const { type, title, format, items, anyOf, minimum, maximum, additionalProperties } = schema
  if (title !== undefined) return title
  if (schema.enum) return schema.enum.map(String).join(', ')
  if (schema.const !== undefined) return String(schema.const)
  if (anyOf) return [...new Set(anyOf.map(typeText))].join(', or ')
  if (items) return `list of ${plural(typeText(items))}`
  if (type === 'boolean') return 'true, false'
  if (type === 'integer') return `number from ${minimum} to ${maximum}`
  if (typeof additionalProperties === 'object') return `${typeText(additionalProperties)} by name`
  if (type === 'object') return 'object'
  return (format && FORMATS[format]) || 'text'
}

function plural(type: string): string {
  if (type.startsWith('prefix')) return type.replace('prefix', 'prefixes').replace('object', 'objects')
  return ENTRIES[type] ?? type
}

const ENTRIES: Readonly<Record<string, string>> = {
  ...{ community: 'communities', object: 'objects', text: 'texts', 'IP address': 'IP addresses' },
}

const FORMATS: Readonly<Record<string, string>> = { uri: 'URL', ipv4: 'IPv4 address', starts_with: 'path' }
