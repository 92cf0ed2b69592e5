// Communities: numbers and their text forms (RFC 1997, RFC 8092).
import { parseAddress } from '../address.ts'

const WELL_KNOWN: readonly (readonly [string, number])[] = [
  ['graceful-shutdown', 0xffff0000],
  ['accept-own', 0xffff0001],
  ['llgr-stale', 0xffff0006],
  ['no-llgr', 0xffff0007],
  ['blackhole', 0xffff029a],
  ['no-export', 0xffffff01],
  ['no-advertise', 0xffffff02],
  ['no-export-subconfed', 0xffffff03],
  ['no-peer', 0xffffff04],
]

export const NO_EXPORT = 0xffffff01
export const NO_ADVERTISE = 0xffffff02
export const NO_EXPORT_SUBCONFED = 0xffffff03
/** RFC 9494. */
export const LLGR_STALE = 0xffff0006
export const NO_LLGR = 0xffff0007

export type LargeCommunity = readonly [number, number, number]

/** Formats a community as `64512:1`, well-known ones too. */
export function formatCommunity(value: number): string {
  return `${value >>> 16}:${value & 0xffff}`
}

/** Parses `64512:1` or the name of a well-known community; undefined when it is neither. */
export function parseCommunity(text: string): number | undefined {
  const known = WELL_KNOWN.find(([name]) => name === text)
  if (known !== undefined) return known[1]
  const numbers = parseNumbers(text, 2, 0xffff)
  return numbers === undefined ? undefined : numbers[0]! * 0x10000 + numbers[1]!
}

export function formatLargeCommunity(value: LargeCommunity): string {
  return value.join(':')
}

export function parseLargeCommunity(text: string): LargeCommunity | undefined {
  const numbers = parseNumbers(text, 3, 0xffffffff)
  return numbers === undefined ? undefined : [numbers[0]!, numbers[1]!, numbers[2]!]
}

//  | type (1) | subtype (1) | administrator (2 or 4) | number (4 or 2) |

/** Types of extended communities by their administrator (RFC 4360 section 3, RFC 5668). */
const EXTENDED_TYPE = { asn: 0x00, address: 0x01, asn4: 0x02 } as const
const EXTENDED_SUBTYPES: Readonly<Record<string, number>> = { rt: 0x02, soo: 0x03, ro: 0x03 }

/**
 * Parses 16 hex digits, or a route target or site of origin such as `rt:64512:1`, `soo:4200000000:1` or `rt:192.0.2.1:1`, to 16 hex digits; undefined when it is neither.
 */
export function parseExtendedCommunity(text: string): string | undefined {
  const hex = /^(?:0x)?([0-9a-fA-F]{16})$/.exec(text)?.[1]
  if (hex !== undefined) return hex.toLowerCase()
  const [, name = '', administrator = '', local = ''] = /^([a-z]+):([\d.]+):(\d{1,10})$/.exec(text) ?? []
  const subtype = EXTENDED_SUBTYPES[name]
  if (subtype === undefined) return undefined
  const address = administrator.includes('.') ? parseAddress(administrator) : undefined
  if (administrator.includes('.') && address?.length !== 4) return undefined
  const asn = Number(administrator)
  const wide = address !== undefined || asn > 0xffff
  if (Number(local) > (wide ? 0xffff : 0xffffffff) || asn > 0xffffffff) return undefined
  const type = address !== undefined ? EXTENDED_TYPE.address : wide ? EXTENDED_TYPE.asn4 : EXTENDED_TYPE.asn
  const owner =
    address !== undefined ? [...address].map((byte) => digits(byte, 2)).join('') : digits(asn, wide ? 8 : 4)
  return `${digits(type, 2)}${digits(subtype, 2)}${owner}${digits(Number(local), wide ? 4 : 8)}`
}

/** Whether it is a community of any kind. */
export function isCommunity(text: string): boolean {
  return [parseCommunity, parseLargeCommunity, parseExtendedCommunity].some(
    (parse) => parse(text) !== undefined,
  )
}

function digits(value: number, count: number): string {
  return value.toString(16).padStart(count, '0')
}

function parseNumbers(text: string, count: number, most: number): number[] | undefined {
  const parts = text.split(':')
  if (parts.length !== count || !parts.every((part) => /^\d{1,10}$/.test(part) && Number(part) <= most))
    return undefined
  return parts.map(Number)
}
