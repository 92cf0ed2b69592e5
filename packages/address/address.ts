/**
 * IPv4 and IPv6 addresses and prefixes between text and bytes (RFC 4291, RFC 5952). Netlink messages and 100,000 objects of
 * the API pass through here, so nothing is split, matched or copied that need not be.
 */

export type Family = 4 | 6
export const FAMILIES: readonly Family[] = [4, 6]

/** The text is not an address or a prefix. */
export class AddressError extends Error {
  override readonly name = 'AddressError'
  readonly code = 'ADDRESS'
}

/** 6 for text with a colon, 4 for all other; the text need not be an address. */
export function familyOf(text: string): Family {
  return text.indexOf(':') >= 0 ? 6 : 4
}

/** Bits of an address of the family. */
export function width(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128
}

/**
 * 4 or 16 bytes; undefined when the text is no address. An IPv4 address has four decimal numbers without leading zeros, which
 * some programs take for octal (RFC 6943 section 3.1.1). An IPv6 address has no zone: see `splitZone`.
 */
export function readAddress(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(familyOf(text) === 6 ? 16 : 4)
  return readInto(bytes, text, text.length) ? bytes : undefined
}

/** 4 or 16 bytes, as `readAddress`. @throws AddressError */
export function parseAddress(text: string): Uint8Array {
  const bytes = readAddress(text)
  if (!bytes) throw new AddressError(`not an IP address: ${text}`)
  return bytes
}

/** Canonical text of 4 or 16 bytes: dotted, or RFC 5952. @throws AddressError for another length */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`
  if (bytes.length === 16) return formatIpv6(bytes)
  throw new AddressError(`an address of ${bytes.length} bytes`)
}

const SCRATCH_4 = new Uint8Array(4)
const SCRATCH_16 = new Uint8Array(16)

/**
 * Canonical text of an address that packets can carry; undefined for all else. An IPv4-mapped IPv6 address stands for IPv4
 * inside programs only (RFC 4291 section 2.5.5.2), and the Kubernetes API refuses it too.
 */
export function canonicalAddress(text: string): string | undefined {
  // Dotted text has one form only.
  if (familyOf(text) === 4) return readInto(SCRATCH_4, text, text.length) ? text : undefined
  if (!readInto(SCRATCH_16, text, text.length) || isMapped(SCRATCH_16)) return undefined
  return formatIpv6(SCRATCH_16)
}

/** Whether the bytes are an IPv4-mapped IPv6 address: `::ffff:192.0.2.1` (RFC 4291 section 2.5.5.2). */
export function isMapped(bytes: Uint8Array): boolean {
  if (bytes.length !== 16 || bytes[10] !== 255 || bytes[11] !== 255) return false
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false
  return true
}

/** `192.0.2.1` for the canonical text `::ffff:192.0.2.1`; any other text as it is. Sockets of both families name IPv4 peers so. */
export function withoutMapping(text: string): string {
  return text.startsWith('::ffff:') && text.includes('.') ? text.slice(7) : text
}

/** An address and the zone after `%` (RFC 4007 section 11), which names the link of a link-local address. */
export function splitZone(text: string): { readonly address: string; readonly zone: string | undefined } {
  const at = text.indexOf('%')
  return at < 0
    ? { address: text, zone: undefined }
    : { address: text.slice(0, at), zone: text.slice(at + 1) }
}

/** The bytes of an address and how many of its bits count. */
export interface Prefix {
  readonly family: Family
  readonly bytes: Uint8Array
  readonly length: number
}

/** Bytes and length of `10.1.0.0/24`; host bits stay as they are. Undefined when the text is no prefix. */
export function readPrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/')
  const family = familyOf(text)
  const bytes = new Uint8Array(family === 6 ? 16 : 4)
  if (slash < 0 || !readInto(bytes, text, slash)) return undefined
  const length = readLength(text, slash + 1)
  return length < 0 || length > width(family) ? undefined : { family, bytes, length }
}

/** As `readPrefix`. @throws AddressError */
export function parsePrefix(text: string): Prefix {
  const prefix = readPrefix(text)
  if (!prefix) throw new AddressError(`not a prefix: ${text}`)
  return prefix
}

/** `10.1.0.0/24`; bytes may be shorter than the address (the rest is zero), as the kernel sends a default route. */
export function formatPrefix(family: Family, bytes: Uint8Array | undefined, length: number): string {
  const size = family === 6 ? 16 : 4
  if (bytes?.length === size) return `${formatAddress(bytes)}/${length}`
  const whole = new Uint8Array(size)
  if (bytes) whole.set(bytes.subarray(0, size))
  return `${formatAddress(whole)}/${length}`
}

/** A copy of `bytes` with everything after `length` bits cleared. */
export function maskBytes(bytes: Uint8Array, length: number): Uint8Array {
  const masked = new Uint8Array(bytes.length)
  const whole = length >> 3
  masked.set(bytes.subarray(0, whole))
  if (length & 7) masked[whole] = bytes[whole]! & (0xff00 >> (length & 7))
  return masked
}

/** Whether the first `length` bits of both are the same. */
export function sameBits(a: Uint8Array, b: Uint8Array, length: number): boolean {
  const whole = length >> 3
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false
  const rest = length & 7
  return rest === 0 || ((a[whole]! ^ b[whole]!) & (0xff00 >> rest)) === 0
}

/** Fills 4 or 16 bytes from text[0, end); false when it is no address of that length. */
function readInto(bytes: Uint8Array, text: string, end: number): boolean {
  return bytes.length === 4 ? readIpv4(text, 0, end, bytes, 0) : readIpv6(text, end, bytes)
}

/** The decimal number from `start` to the text's end, or -1. Leading zeros are refused, as in addresses. */
function readLength(text: string, start: number): number {
  const digits = text.length - start
  if (digits < 1 || digits > 3 || (digits > 1 && text.charCodeAt(start) === 48)) return -1
  let value = 0
  for (let i = start; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

/** Reads `a.b.c.d` from text[start, end) into bytes at `at`; false when it is none. */
function readIpv4(text: string, start: number, end: number, bytes: Uint8Array, at: number): boolean {
  let octets = 0
  let value = -1
  let first = 0
  for (let i = start; i <= end; i++) {
    const c = i < end ? text.charCodeAt(i) : 46
    if (c === 46) {
      if (value < 0 || octets === 4) return false
      bytes[at + octets++] = value
      value = -1
      continue
    }
    if (c < 48 || c > 57) return false
    if (value < 0) first = i
    else if (text.charCodeAt(first) === 48) return false
    value = (value < 0 ? 0 : value * 10) + c - 48
    if (value > 255) return false
  }
  return octets === 4
}

/** Fills 16 bytes from text[0, end); a gap (`::`) moves what follows it to the end. */
function readIpv6(text: string, textEnd: number, bytes: Uint8Array): boolean {
  let at = 0
  let gap = -1
  let i = 0
  if (text.startsWith('::')) {
    gap = 0
    i = 2
  } else if (text.charCodeAt(0) === 58) return false
  while (i < textEnd) {
    if (at === 16) return false
    let end = text.indexOf(':', i)
    if (end < 0) end = textEnd
    if (end === textEnd && text.indexOf('.', i) >= 0) {
      if (at > 12 || !readIpv4(text, i, end, bytes, at)) return false
      at += 4
      break
    }
    const value = readGroup(text, i, end)
    if (value < 0) return false
    bytes[at++] = value >> 8
    bytes[at++] = value & 255
    if (end === textEnd) break
    i = end + 1
    if (text.charCodeAt(i) === 58) {
      if (gap >= 0) return false
      gap = at
      i++
    } else if (i === textEnd) return false
  }
  if (gap < 0) return at === 16
  if (at > 14) return false
  bytes.copyWithin(16 - (at - gap), gap, at)
  bytes.fill(0, gap, 16 - (at - gap))
  return true
}

/** One to four hexadecimal digits of text[start, end), or -1. */
function readGroup(text: string, start: number, end: number): number {
  if (end === start || end - start > 4) return -1
  let value = 0
  for (let i = start; i < end; i++) {
    const c = text.charCodeAt(i)
    const lower = c | 32
    const digit = c >= 48 && c <= 57 ? c - 48 : lower >= 97 && lower <= 102 ? lower - 87 : -1
    if (digit < 0) return -1
    value = value * 16 + digit
  }
  return value
}

/** Lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) as `::`. */
function formatIpv6(bytes: Uint8Array): string {
  let gap = -1
  let gapLength = 1
  for (let i = 0, run = 0; i < 8; i++) {
    run = (bytes[2 * i]! | bytes[2 * i + 1]!) === 0 ? run + 1 : 0
    if (run > gapLength) {
      gapLength = run
      gap = i - run + 1
    }
  }
  // RFC 5952 section 5: a mapped address keeps its dotted tail.
  const groups = gap === 0 && gapLength === 5 && bytes[10] === 255 && bytes[11] === 255 ? 6 : 8
  let text = ''
  for (let i = 0; i < groups; i++) {
    if (i === gap) {
      text += '::'
      i += gapLength - 1
    } else {
      if (i > 0 && i !== gap + gapLength) text += ':'
      text += ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16)
    }
  }
  return groups === 8 ? text : `${text}:${bytes[12]}.${bytes[13]}.${bytes[14]}.${bytes[15]}`
}
