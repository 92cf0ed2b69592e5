/** Prefixes as plans use them: checked once, host bits cleared, compared by their text. */
import {
  familyOf,
  formatAddress,
  isMapped,
  maskBytes,
  type Prefix,
  readAddress,
  readPrefix,
  sameBits,
  width,
} from './address.ts'

export interface Cidr extends Prefix {
  /** Canonical text: `10.1.0.0/24`, `fd00::/64`. */
  readonly text: string
  /** The network's address in canonical text. */
  readonly network: string
}

/** The prefix that `text` writes; undefined when it is none, has a zone, or is of IPv4-mapped addresses. */
export function parseCidr(text: string): Cidr | undefined {
  const prefix = readPrefix(text)
  return prefix && !isMapped(prefix.bytes) ? cidrOf(prefix) : undefined
}

/** @throws Error when `text` is no prefix: for constants and for text that was validated before. */
export function cidr(text: string): Cidr {
  const parsed = parseCidr(text)
  if (!parsed) throw new Error(`not a prefix: ${text}`)
  return parsed
}

/** The prefix that holds exactly this address; undefined when it is none, has a zone, or is IPv4-mapped. */
export function hostCidr(address: string): Cidr | undefined {
  const bytes = readAddress(address)
  if (!bytes || isMapped(bytes)) return undefined
  const family = familyOf(address)
  return cidrOf({ family, bytes, length: width(family) })
}

/** The first `length` bits of a prefix, host bits cleared: what it is, or one that holds it. */
export function cidrOf(prefix: Prefix, length = prefix.length): Cidr {
  const bytes = maskBytes(prefix.bytes, length)
  const network = formatAddress(bytes)
  return { family: prefix.family, bytes, length, text: `${network}/${length}`, network }
}

/** Canonical text of a prefix, its host bits cleared; undefined as in `parseCidr`. */
export function canonicalCidr(text: string): string | undefined {
  return parseCidr(text)?.text
}

/** Whether every address of `inner` lies in `outer`. */
export function contains(outer: Prefix, inner: Prefix): boolean {
  return (
    outer.family === inner.family &&
    inner.length >= outer.length &&
    sameBits(outer.bytes, inner.bytes, outer.length)
  )
}

/** Whether `address` lies in `outer`; false for what is no address. */
export function containsAddress(outer: Prefix, address: string): boolean {
  if (familyOf(address) !== outer.family) return false
  const bytes = readAddress(address)
  return bytes !== undefined && !isMapped(bytes) && sameBits(outer.bytes, bytes, outer.length)
}

/** Whether the two have an address in common: one of them lies in the other. */
export function overlaps(a: Prefix, b: Prefix): boolean {
  return a.family === b.family && sameBits(a.bytes, b.bytes, Math.min(a.length, b.length))
}

/** The first address that a host may have: the one after the network's, or that itself where it is one of two or the only one (RFC 3021). */
export function firstHost(prefix: Cidr): string {
  if (width(prefix.family) - prefix.length < 2) return prefix.network
  const bytes = prefix.bytes.slice()
  bytes[bytes.length - 1]! |= 1
  return formatAddress(bytes)
}
