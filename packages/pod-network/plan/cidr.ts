/** Addresses and prefixes as the plans use them: parsed once, compared by value, written in canonical form. */
import ipaddr from 'ipaddr.js'

export type Family = 4 | 6
export const FAMILIES: readonly Family[] = [4, 6]

export interface Cidr {
  readonly family: Family
  /** Canonical text with the host bits cleared: `10.1.0.0/24`, `fd00::/64`. */
  readonly text: string
  /** Network address in canonical form. */
  readonly network: string
  readonly length: number
}

/** The family and canonical text of an address; undefined when `text` is none. A zone or an IPv4-mapped address is none. */
export function parseAddress(text: string): { readonly family: Family; readonly text: string } | undefined {
  if (text.includes('%') || text.includes('/')) return undefined
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return { family: 4, text: ipaddr.IPv4.parse(text).toString() }
  if (!ipaddr.IPv6.isValid(text)) return undefined
  const address = ipaddr.IPv6.parse(text)
  return address.isIPv4MappedAddress() ? undefined : { family: 6, text: address.toString() }
}

/** The prefix that `text` writes; host bits are cleared. Undefined when it is none. */
export function parseCidr(text: string): Cidr | undefined {
  const [host = '', bits = '', ...rest] = text.split('/')
  const address = parseAddress(host)
  if (!address || rest.length > 0 || !/^\d{1,3}$/.test(bits)) return undefined
  const length = Number(bits)
  if (length > width(address.family)) return undefined
  const network =
    address.family === 4
      ? ipaddr.IPv4.networkAddressFromCIDR(`${address.text}/${length}`).toString()
      : ipaddr.IPv6.networkAddressFromCIDR(`${address.text}/${length}`).toString()
  return { family: address.family, text: `${network}/${length}`, network, length }
}

/** @throws Error when `text` is no prefix: for constants and for text that was validated before. */
export function cidr(text: string): Cidr {
  const parsed = parseCidr(text)
  if (!parsed) throw new Error(`not a prefix: ${text}`)
  return parsed
}

/** The prefix that holds exactly this address. */
export function hostCidr(address: string): Cidr | undefined {
  const parsed = parseAddress(address)
  return parsed && parseCidr(`${parsed.text}/${width(parsed.family)}`)
}

/** Whether every address of `inner` lies in `outer`. */
export function contains(outer: Cidr, inner: Cidr): boolean {
  if (outer.family !== inner.family || inner.length < outer.length) return false
  return ipaddr.parse(inner.network).match(ipaddr.parse(outer.network) as ipaddr.IPv4, outer.length)
}

/** Whether `address` lies in `outer`. */
export function containsAddress(outer: Cidr, address: string): boolean {
  const host = hostCidr(address)
  return host !== undefined && contains(outer, host)
}

/** Ranges whose addresses no single host has in a network: RFC 6890, RFC 1112, RFC 4291. */
const NOT_UNICAST = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '224.0.0.0/4',
  '255.255.255.255/32',
  '::/127',
  'fe80::/10',
  'ff00::/8',
].map(cidr)

/** Whether hosts may have the addresses of this prefix: none of them is unspecified, loopback, multicast, or of one link only. */
export function isUnicast(prefix: Cidr): boolean {
  return !NOT_UNICAST.some((range) => contains(range, prefix) || contains(prefix, range))
}

/** The first usable address of a pod prefix, which is the bridge's: network + 1. */
export function firstHost(prefix: Cidr): string {
  const bytes = ipaddr.parse(prefix.network).toByteArray()
  bytes[bytes.length - 1] = bytes[bytes.length - 1]! + 1
  return ipaddr.fromByteArray(bytes).toString()
}

/** 4 or 16 bytes of an address. @throws Error when it is none */
export function addressBytes(address: string): number[] {
  return ipaddr.parse(address).toByteArray()
}

/** Number of bits of an address of the family. */
export function width(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128
}
