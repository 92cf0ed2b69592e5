/** A set or map of the fake nftables. */
import { readAddress } from '@podroute/address/address.ts'
import { type Cidr, hostCidr, overlaps, parseCidr } from '@podroute/address/cidr.ts'

export interface FakeSet {
  readonly kind: 'set' | 'map'
  /** Its declaration, a line each, as nft lists it. */
  readonly lines: readonly string[]
  /** Names of the fields of a key. */
  readonly key: readonly string[]
  /** In nft syntax. */
  readonly elements: Set<string>
}

/** @param declaration `{ type ipv4_addr . mark : verdict; flags interval; }` */
export function parseSet(declaration: string): FakeSet {
  const lines = declaration
    .slice(1, -1)
    .split(';')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  const type = lines.find((line) => /^type(of)? /.test(line))?.replace(/^type(of)? /, '') ?? ''
  const [key = '', value] = type.split(' : ')
  return { kind: value === undefined ? 'set' : 'map', lines, key: key.split(' . '), elements: new Set() }
}

/** Whether an element has the fields of the set's key, and addresses of their families. */
export function isElementOf({ key, kind }: FakeSet, element: string): boolean {
  const [text = '', value] = element.split(' : ')
  const fields = text.split(' . ')
  if (fields.length !== key.length || (kind === 'map') !== (value !== undefined)) return false
  return fields.every((field, index) => isField(key[index]!, field))
}

/** Whether a set of prefixes has another one with addresses of this one: the kernel takes no two of them. */
export function overlapsAnother({ key, lines, elements }: FakeSet, element: string): boolean {
  const prefix = key.length === 1 && lines.includes('flags interval') ? prefixOf(element) : undefined
  if (!prefix || elements.has(element)) return false
  return [...elements].some((text) => {
    const other = prefixOf(text)
    return other !== undefined && overlaps(prefix, other)
  })
}

function prefixOf(element: string): Cidr | undefined {
  return parseCidr(element) ?? hostCidr(element)
}

function isField(type: string, field: string): boolean {
  const length = type === 'ipv4_addr' ? 4 : type === 'ipv6_addr' ? 16 : undefined
  if (length === undefined) return field !== ''
  const [address = ''] = field.split(/[/-]/)
  return readAddress(address)?.length === length
}
