// Typed access to a JSON object's fields, so that a wrong type is an error that names its path.

import { failure } from '../errors.ts'

export type JsonObject = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * A JSON object and where it stands in the configuration; null counts as absent, as in the reference plugins. Names count in
 * any case, as there: containerd writes `HostPort` where the conventions say `hostPort`.
 */
export class Fields {
  readonly raw: JsonObject
  readonly path: string
  /** Of the names that are there. */
  private lengths: Set<number> | undefined

  constructor(raw: JsonObject, path: string) {
    this.raw = raw
    this.path = path
  }

  has(name: string): boolean {
    const value = this.value(name)
    return value !== undefined && value !== null
  }

  private value(name: string): unknown {
    const value = this.raw[name]
    if (value !== undefined) return value
    // Most fields are missing: names are folded only where one of the same length is there.
    this.lengths ??= new Set(Object.keys(this.raw).map((key) => key.length))
    return this.lengths.has(name.length) ? this.foldedValue(name) : undefined
  }

  private foldedValue(name: string): unknown {
    const folded = name.toLowerCase()
    const other = Object.keys(this.raw).find(
      (key) => key.length === name.length && key.toLowerCase() === folded,
    )
    return other === undefined ? undefined : this.raw[other]
  }

  private get<T>(name: string, kind: string, fits: (value: unknown) => value is T): T | undefined {
    const value = this.value(name)
    if (value === undefined || value === null) return undefined
    if (!fits(value)) throw failure(`${this.path}${name} is not ${kind}`)
    return value
  }

  text(name: string): string | undefined {
    return this.get(name, 'a string', (value): value is string => typeof value === 'string')
  }

  flag(name: string): boolean {
    return this.get(name, 'true or false', (value): value is boolean => typeof value === 'boolean') ?? false
  }

  integer(name: string): number | undefined {
    return this.get(name, 'an integer', (value): value is number => Number.isInteger(value))
  }

  list(name: string): readonly unknown[] | undefined {
    return this.get(name, 'a list', (value): value is unknown[] => Array.isArray(value))
  }

  object(name: string): Fields | undefined {
    const raw = this.get(name, 'an object', isObject)
    return raw === undefined ? undefined : new Fields(raw, `${this.path}${name}.`)
  }

  /** Each item of a list as an object. */
  objects(name: string): Fields[] {
    return (this.list(name) ?? []).map((item, index) => {
      const path = `${this.path}${name}[${index}]`
      if (!isObject(item)) throw failure(`${path} is not an object`)
      return new Fields(item, `${path}.`)
    })
  }

  texts(name: string): string[] | undefined {
    return this.list(name)?.map((item, index) => {
      if (typeof item !== 'string') throw failure(`${this.path}${name}[${index}] is not a string`)
      return item
    })
  }
}
