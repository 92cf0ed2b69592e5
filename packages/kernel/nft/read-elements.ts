/** Elements of our sets from the kernel's bytes to nft syntax, as we write them. Pure. */
import { formatAddress } from '@podroute/address/address.ts'
import { readU8, readU16be, readU32 } from '@podroute/linux/netlink/wire.ts'
import type { NftElement } from '@podroute/linux/nft/elements.ts'

import type { ElementField, ElementType } from './definition.ts'
import { markText } from './element.ts'
import { FIELD_LENGTHS, PROTOCOLS, paddedLength } from './fields.ts'

/** The elements of a set, each as `read` has it. */
export type ListElements = <T>(read: (element: NftElement) => T) => Promise<readonly T[]>

interface Boundary {
  readonly key: Uint8Array
  /** The key is the first one after an interval. */
  readonly ends: boolean
}

/** The elements of a set in nft syntax. */
export async function elementTexts(list: ListElements, type: ElementType): Promise<readonly string[]> {
  if (!type.interval || type.key.length > 1) return list((element) => elementText(element, type))
  // A prefix among other fields is one element; a prefix alone is two: where it begins, and where it has ended.
  return prefixTexts(await list(({ key, endsInterval }) => ({ key: key.slice(), ends: endsInterval })))
}

/** Of a set whose elements are no prefixes alone. */
export function elementText(element: NftElement, { key, value, interval }: ElementType): string {
  const text = interval ? rangeText(element, key) : fieldsText(element.key, key)
  if (value === undefined) return text
  if (value === 'verdict') return `${text} : goto ${element.chain}`
  const data = element.data ?? new Uint8Array()
  // A value that is a mark is written in hex, one in a key is not.
  return `${text} : ${value[0] === 'mark' ? markText(readU32(data, 0)) : fieldsText(data, value)}`
}

function fieldsText(bytes: Uint8Array, fields: readonly ElementField[]): string {
  let text = ''
  let at = 0
  for (const field of fields) {
    text = text === '' ? fieldText(bytes, at, field) : `${text} . ${fieldText(bytes, at, field)}`
    at += paddedLength(field)
  }
  return text
}

function fieldText(bytes: Uint8Array, at: number, field: ElementField): string {
  switch (field) {
    case 'ipv4_addr':
      return `${readU8(bytes, at)}.${readU8(bytes, at + 1)}.${readU8(bytes, at + 2)}.${readU8(bytes, at + 3)}`
    case 'ipv6_addr':
      return formatAddress(bytes.subarray(at, at + 16))
    case 'inet_proto': {
      const number = readU8(bytes, at)
      return PROTOCOLS[number] ?? String(number)
    }
    case 'inet_service':
      return String(readU16be(bytes, at))
    case 'mark':
    case 'iface_index':
      return String(readU32(bytes, at))
    case 'ether_addr':
      return formatMac(bytes.subarray(at, at + 6))
    case 'nd_target':
      return `0x${hex(bytes.subarray(at, at + 16)).join('')}`
  }
}

function formatMac(bytes: Uint8Array): string {
  return hex(bytes).join(':')
}

function hex(bytes: Uint8Array): string[] {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'))
}

/** The last field, a prefix, from its first to its last address; one of a single address has no length. */
function rangeText({ key, keyEnd }: NftElement, fields: readonly ElementField[]): string {
  const length = FIELD_LENGTHS[fields.at(-1)!]
  const first = key.subarray(key.length - length)
  const last = keyEnd?.subarray(keyEnd.length - length) ?? first
  const bits = commonBits(first, last)
  const text = bits === length * 8 ? formatAddress(first) : prefixText(first, last, bits)
  return `${fieldsText(key, fields.slice(0, -1))} . ${text}`
}

function prefixTexts(boundaries: readonly Boundary[]): string[] {
  const sorted = boundaries.toSorted((a, b) => compareBytes(a.key, b.key) || Number(b.ends) - Number(a.ends))
  return sorted.flatMap(({ key, ends }, index) => {
    if (ends) return []
    // Where the next one begins at once, or the addresses are at their end, no end is kept.
    const last = before(sorted[index + 1]?.key ?? new Uint8Array(key.length))
    return [prefixText(key, last, commonBits(key, last))]
  })
}

/** Of what is no prefix, which we never write, both ends. */
function prefixText(first: Uint8Array, last: Uint8Array, bits: number): string {
  const whole = first.every((byte, index) => (byte & hostMask(index, bits)) === 0)
  const full = last.every((byte, index) => (byte & hostMask(index, bits)) === hostMask(index, bits))
  if (!whole || !full) return `${formatAddress(first)}-${formatAddress(last)}`
  return `${formatAddress(first)}/${bits}`
}

/** Bits of a byte that are not in a prefix of so many bits. */
function hostMask(index: number, bits: number): number {
  return 0xff >> Math.min(8, Math.max(0, bits - index * 8))
}

function commonBits(a: Uint8Array, b: Uint8Array): number {
  const index = a.findIndex((byte, at) => byte !== b[at])
  return index < 0 ? a.length * 8 : index * 8 + Math.clz32(a[index]! ^ b[index]!) - 24
}

/** The address before this one; before the first comes the last. */
function before(address: Uint8Array): Uint8Array {
  const copy = address.slice()
  for (let index = copy.length - 1; index >= 0; index--) {
    const byte = copy[index]!
    copy[index] = byte - 1
    if (byte > 0) break
  }
  return copy
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const index = a.findIndex((byte, at) => byte !== b[at])
  return index < 0 ? 0 : a[index]! - b[index]!
}
