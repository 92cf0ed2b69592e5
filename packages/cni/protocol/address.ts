// IPv4 and IPv6 addresses as bytes (4 or 16), and prefixes; small on purpose: it is loaded at every start of a plugin.

export type Address = Uint8Array

export interface Prefix {
  readonly address: Address
  readonly length: number
}

export const isV4 = (address: Address) => address.length === 4
export const familyOf = (address: Address): 4 | 6 => (address.length === 4 ? 4 : 6)

function parseDecimal(text: string, limit: number): number {
  if (text === '' || text.length > 3 || (text.length > 1 && text.charAt(0) === '0')) return -1
  let value = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value <= limit ? value : -1
}

function parseV4(text: string): Address | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  const [a, b, c, d] = parts.map((part) => parseDecimal(part, 255)) as [number, number, number, number]
  return a < 0 || b < 0 || c < 0 || d < 0 ? undefined : Uint8Array.of(a, b, c, d)
}

function parseGroup(text: string): number {
  if (text === '' || text.length > 4) return -1
  let value = 0
  for (let i = 0; i < text.length; i++) {
    const digit = '0123456789abcdef'.indexOf(text.charAt(i).toLowerCase())
    if (digit < 0) return -1
    value = value * 16 + digit
  }
  return value
}

/** The bytes of colon-separated groups; the last one of an address may be dotted. Undefined when malformed. */
function parseGroups(text: string, ends: boolean): number[] | undefined {
  if (text === '') return []
  const bytes: number[] = []
  const groups = text.split(':')
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i]!
    if (ends && i === groups.length - 1 && group.includes('.')) {
      const dotted = parseV4(group)
      if (dotted === undefined) return undefined
      bytes.push(...dotted)
      continue
    }
    const value = parseGroup(group)
    if (value < 0) return undefined
    bytes.push(value >> 8, value & 255)
  }
  return bytes
}

function parseV6(text: string): Address | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = parseGroups(halves[0]!, halves.length === 1)
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : []
  if (head === undefined || tail === undefined) return undefined
  const missing = 16 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined
  return Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...tail])
}

const isMapped = (a: Address) =>
  a.length === 16 && a[10] === 255 && a[11] === 255 && isZero(a.subarray(0, 10))

/** Parses either family; no zone, no leading zeros in IPv4. */
export function parseAddress(text: string): Address | undefined {
  return text.includes(':') ? parseV6(text) : parseV4(text)
}

/** An address of a configuration or result: an IPv4-mapped IPv6 address is IPv4, as the reference plugins take it. */
export function readAddress(text: string): Address | undefined {
  const address = parseAddress(text)
  return address !== undefined && isMapped(address) ? address.slice(12) : address
}

function formatV6(address: Address): string {
  const groups: number[] = []
  for (let i = 0; i < 16; i += 2) groups.push((address[i]! << 8) | address[i + 1]!)
  let start = -1
  let longest = 1 // RFC 5952 section 4.2.2: one zero group is not shortened
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && groups[end] === 0) end++
    if (end - i > longest) {
      start = i
      longest = end - i
    }
  }
  const hex = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':')
  return start < 0 ? hex(0, 8) : `${hex(0, start)}::${hex(start + longest, 8)}`
}

/** Texts of addresses that were asked for: an ADD needs each of its own for the lease, the alias of the port and the result. */
const texts = new Map<Address, string>()
const MOST_TEXTS = 64

/** Canonical text: dotted, or RFC 5952, whose section 5 keeps the dotted tail of a mapped address. */
export function formatAddress(address: Address): string {
  const known = texts.get(address)
  if (known !== undefined) return known
  if (texts.size === MOST_TEXTS) texts.clear()
  const text = format(address)
  texts.set(address, text)
  return text
}

function format(address: Address): string {
  if (isV4(address)) return address.join('.')
  return isMapped(address) ? `::ffff:${address.slice(12).join('.')}` : formatV6(address)
}

/** Parses 'address/length'; the address keeps its host bits. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/')
  if (slash < 0) return undefined
  const address = parseAddress(text.slice(0, slash))
  if (address === undefined) return undefined
  const length = parseDecimal(text.slice(slash + 1), address.length * 8)
  return length < 0 ? undefined : { address, length }
}

/** A prefix of a configuration or result, mapped addresses as in `readAddress`; they take 96 bits of the length. */
export function readPrefix(text: string): Prefix | undefined {
  const prefix = parsePrefix(text)
  if (prefix === undefined || !isMapped(prefix.address)) return prefix
  return prefix.length < 96 ? undefined : { address: prefix.address.slice(12), length: prefix.length - 96 }
}

export const formatPrefix = (prefix: Prefix) => `${formatAddress(prefix.address)}/${prefix.length}`

/** Below zero, zero, above zero; both of one family. */
export function compareAddresses(a: Address, b: Address): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return 0
}

export const sameAddress = (a: Address, b: Address) => a.length === b.length && compareAddresses(a, b) === 0

const isZero = (address: Address) => address.every((byte) => byte === 0)

/** The address that follows; the last of a family wraps to zero. */
export function nextAddress(address: Address): Address {
  const next = address.slice()
  for (let i = next.length - 1; i >= 0; i--) {
    next[i] = (next[i]! + 1) & 255
    if (next[i] !== 0) break
  }
  return next
}

/** Mask of the byte at `index` for a prefix of `length` bits. */
const maskByte = (length: number, index: number) =>
  (0xff00 >> Math.max(0, Math.min(8, length - index * 8))) & 255

/** The first address of the prefix. */
export function networkOf(prefix: Prefix): Address {
  const address = prefix.address.slice()
  for (let i = prefix.length >> 3; i < address.length; i++)
    address[i] = address[i]! & maskByte(prefix.length, i)
  return address
}

/** The last address of the prefix (IPv4: broadcast). */
export function lastOf(prefix: Prefix): Address {
  const address = prefix.address.slice()
  for (let i = prefix.length >> 3; i < address.length; i++)
    address[i] = address[i]! | (~maskByte(prefix.length, i) & 255)
  return address
}

export function contains({ address, length }: Prefix, other: Address): boolean {
  if (address.length !== other.length) return false
  const whole = length >> 3
  for (let i = 0; i < whole; i++) if (address[i] !== other[i]) return false
  const mask = maskByte(length, whole)
  return whole === address.length || (address[whole]! & mask) === (other[whole]! & mask)
}

const HEX = '0123456789abcdef'

/** 'aa:bb:…' of a hardware address. */
export function formatMac(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!
    text += (i === 0 ? '' : ':') + HEX[byte >> 4] + HEX[byte & 15]
  }
  return text
}

/** Bytes of 'aa:bb:cc:dd:ee:ff' (also with '-'), or undefined. */
export function parseMac(text: string): Uint8Array | undefined {
  const parts = text.split(text.includes('-') ? '-' : ':')
  const bytes = parts.map((part) => (part.length === 2 ? parseGroup(part) : -1))
  return bytes.length === 6 && !bytes.includes(-1) ? Uint8Array.from(bytes) : undefined
}
