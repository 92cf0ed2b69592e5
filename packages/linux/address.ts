/** IPv4 and IPv6 addresses and prefixes between text and bytes. Pure, small and fast: hot paths and the CNI plugins use it. */

export type Family = 4 | 6

/** Text is not an address or a prefix. */
export class AddressError extends Error {
  override readonly name = 'AddressError'
  readonly code = 'ADDRESS'
}

/** 4 for dotted text, 6 for text with a colon; says nothing about validity. */
export function familyOf(text: string): Family {
  return text.indexOf(':') >= 0 ? 6 : 4
}

/** 4 bytes of a dotted address. Octal, short and padded forms are refused (RFC 6943 section 3.1.1). @throws AddressError */
export function parseIpv4(text: string): Uint8Array {
  const bytes = new Uint8Array(4)
  if (!readIpv4(text, 0, text.length, bytes, 0)) throw new AddressError(`not an IPv4 address: ${text}`)
  return bytes
}

/** 16 bytes of an IPv6 address without zone (RFC 4291 section 2.2). @throws AddressError */
export function parseIpv6(text: string): Uint8Array {
  const bytes = new Uint8Array(16)
  if (!readIpv6(text, bytes)) throw new AddressError(`not an IPv6 address: ${text}`)
  return bytes
}

/** 4 or 16 bytes. @throws AddressError */
export function parseAddress(text: string): Uint8Array {
  return familyOf(text) === 6 ? parseIpv6(text) : parseIpv4(text)
}

/** Canonical text of 4 or 16 bytes: dotted, or RFC 5952. @throws AddressError on another length */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`
  if (bytes.length === 16) return formatIpv6(bytes)
  throw new AddressError(`an address of ${bytes.length} bytes`)
}

export interface Prefix {
  readonly family: Family
  readonly bytes: Uint8Array
  readonly length: number
}

/** Bytes and length of `10.1.0.0/24`; host bits stay as they are. @throws AddressError */
export function parsePrefix(text: string): Prefix {
  const slash = text.indexOf('/')
  if (slash < 0) throw new AddressError(`no prefix length: ${text}`)
  const bytes = parseAddress(text.slice(0, slash))
  const digits = text.slice(slash + 1)
  const length = /^(0|[1-9]\d{0,2})$/.test(digits) ? Number(digits) : 129
  if (length > bytes.length * 8) throw new AddressError(`bad prefix length: ${text}`)
  return { family: bytes.length === 16 ? 6 : 4, bytes, length }
}

/** `10.1.0.0/24`; bytes may be shorter than the address (the rest is zero), as the kernel sends a default route. */
export function formatPrefix(family: Family, bytes: Uint8Array | undefined, length: number): string {
  const size = family === 6 ? 16 : 4
  if (bytes?.length === size) return `${formatAddress(bytes)}/${length}`
  const whole = new Uint8Array(size)
  if (bytes) whole.set(bytes.subarray(0, size))
  return `${formatAddress(whole)}/${length}`
}

/** The prefix with its host bits cleared, in canonical text: `10.1.0.7/24` becomes `10.1.0.0/24`. @throws AddressError */
export function canonicalPrefix(text: string): string {
  const { family, bytes, length } = parsePrefix(text)
  return formatPrefix(family, maskBytes(bytes, length), length)
}

/** A copy of `bytes` with everything after `length` bits cleared. */
export function maskBytes(bytes: Uint8Array, length: number): Uint8Array {
  const masked = new Uint8Array(bytes.length)
  const whole = length >> 3
  masked.set(bytes.subarray(0, whole))
  if (length & 7) masked[whole] = bytes[whole]! & (0xff00 >> (length & 7))
  return masked
}

/** True when `address` lies inside `prefix`; false across families. @throws AddressError */
export function contains(prefix: string, address: string): boolean {
  const outer = parsePrefix(prefix)
  const bytes = parseAddress(address)
  if (bytes.length !== outer.bytes.length) return false
  const a = maskBytes(outer.bytes, outer.length)
  const b = maskBytes(bytes, outer.length)
  return a.every((byte, i) => byte === b[i])
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

/** Fills 16 bytes; a gap (`::`) moves what follows it to the end. */
function readIpv6(text: string, bytes: Uint8Array): boolean {
  let at = 0
  let gap = -1
  let i = 0
  if (text.startsWith('::')) {
    gap = 0
    i = 2
  } else if (text.charCodeAt(0) === 58) return false
  while (i < text.length) {
    if (at === 16) return false
    let end = text.indexOf(':', i)
    if (end < 0) end = text.length
    if (text.indexOf('.', i) >= 0 && end === text.length) {
      if (at > 12 || !readIpv4(text, i, end, bytes, at)) return false
      at += 4
      break
    }
    const value = readGroup(text, i, end)
    if (value < 0) return false
    bytes[at++] = value >> 8
    bytes[at++] = value & 255
    if (end === text.length) break
    i = end + 1
    if (text.charCodeAt(i) === 58) {
      if (gap >= 0) return false
      gap = at
      i++
    } else if (i === text.length) return false
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

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) as `::`. */
function formatIpv6(bytes: Uint8Array): string {
  const groups: number[] = []
  for (let i = 0; i < 16; i += 2) groups.push((bytes[i]! << 8) | bytes[i + 1]!)
  const [start, length] = longestZeroRun(groups)
  const hex = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':')
  // Section 5: mapped IPv4 addresses keep their dotted tail.
  if (start === 0 && length === 5 && groups[5] === 0xffff) {
    return `::ffff:${formatAddress(bytes.subarray(12))}`
  }
  return length < 2 ? hex(0, 8) : `${hex(0, start)}::${hex(start + length, 8)}`
}

function longestZeroRun(groups: readonly number[]): [start: number, length: number] {
  let best = 0
  let bestLength = 0
  for (let i = 0; i < 8; i++) {
    let j = i
    while (j < 8 && groups[j] === 0) j++
    if (j - i > bestLength) {
      best = i
      bestLength = j - i
    }
    if (j > i) i = j
  }
  return [best, bestLength]
}
