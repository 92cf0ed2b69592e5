/** A set or map of the fake nftables. */
import { readAddress } from '@podroute/address/address.ts'

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
  const type = lines.find((line) => line.startsWith('type '))?.slice('type '.length) ?? ''
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

function isField(type: string, field: string): boolean {
  const length = type === 'ipv4_addr' ? 4 : type === 'ipv6_addr' ? 16 : undefined
  if (length === undefined) return field !== ''
  const [address = ''] = field.split(/[/-]/)
  return readAddress(address)?.length === length
}
