// IP addresses and prefixes: text to bytes and back.

/** Returns 4 bytes, or 16 for IPv6; undefined when it is not an address. Takes no zone and no IPv4 shorthand. */
export function parseAddress(text: string): Uint8Array | undefined {
  return text.includes(':') ? parseV6(text) : parseV4(text)
}

/** Splits an address from the zone after `%` (RFC 4007 section 11). */
export function splitZone(text: string): { readonly address: string; readonly zone: string | undefined } {
  const at = text.indexOf('%')
  return at < 0
    ? { address: text, zone: undefined }
    : { address: text.slice(0, at), zone: text.slice(at + 1) }
}

/** Turns `::ffff:192.0.2.1`, as a socket of both families names an IPv4 peer, into `192.0.2.1`; leaves any other text alone. */
export function withoutMapping(text: string): string {
  return text.startsWith('::ffff:') && text.includes('.') ? text.slice(7) : text
}

/** Like parseAddress, but a link-local IPv6 address may have a zone. */
export function parseScoped(text: string): Uint8Array | undefined {
  const { address, zone } = splitZone(text)
  const bytes = parseAddress(address)
  if (bytes === undefined || zone === undefined) return bytes
  return zone !== '' && isLinkLocal(bytes) ? bytes : undefined
}

/** Whether the 16 bytes at `at` are in fe80::/10 (RFC 4291 section 2.5.6); an IPv4 address never is. */
export function isLinkLocal(bytes: Uint8Array, at = 0, length = bytes.length - at): boolean {
  return length === 16 && bytes[at] === 0xfe && (bytes[at + 1]! & 0xc0) === 0x80
}

/** Whether the address at `at` is in 127.0.0.0/8, is ::1, or is an IPv4-mapped one in 127.0.0.0/8. */
export function isLoopback(bytes: Uint8Array, at = 0, length = bytes.length - at): boolean {
  if (length === 4) return bytes[at] === 127
  if (isMapped(bytes, at)) return bytes[at + 12] === 127
  return startsWithZeros(bytes, at, 15) && bytes[at + 15] === 1
}

/**
 * Whether the address at `at` may be a host's, as a next hop must be (RFC 4271 section 5.1.3): not in 0.0.0.0/8, not 224.0.0.0 or above, not :: and not in ff00::/8.
 * An IPv4-mapped address is judged by the IPv4 address in it.
 */
export function isHost(bytes: Uint8Array, at = 0, length = bytes.length - at): boolean {
  if (length === 4) return bytes[at] !== 0 && bytes[at]! < 224
  if (isMapped(bytes, at)) return isHost(bytes, at + 12, 4)
  return bytes[at] !== 0xff && !(startsWithZeros(bytes, at, 15) && bytes[at + 15] === 0)
}

/** Whether the 16 bytes at `at` are in ::ffff:0:0/96 (RFC 4291 section 2.5.5.2). */
function isMapped(bytes: Uint8Array, at: number): boolean {
  return bytes[at + 10] === 0xff && bytes[at + 11] === 0xff && startsWithZeros(bytes, at, 10)
}

function startsWithZeros(bytes: Uint8Array, at: number, count: number): boolean {
  for (let i = at; i < at + count; i++) if (bytes[i] !== 0) return false
  return true
}

/** Formats an address as canonical text (IPv6 as in RFC 5952). */
export function formatAddress(bytes: Uint8Array): string {
  return bytes.length === 4 ? `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}` : formatV6(bytes)
}

/** Formats a BGP identifier or cluster ID, an unsigned 32-bit number, in dotted form. */
export function formatId(id: number): string {
  return `${id >>> 24}.${(id >>> 16) & 255}.${(id >>> 8) & 255}.${id & 255}`
}

export function parseId(text: string): number | undefined {
  const bytes = parseV4(text)
  return bytes === undefined
    ? undefined
    : ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0
}

export interface Prefix {
  /** 4 or 16 bytes; host bits are zero. */
  readonly bytes: Uint8Array
  readonly length: number
}

/** Parses a CIDR and clears its host bits; undefined when it is none. Leading zeros are refused, as in addresses. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/')
  if (slash < 0) return undefined
  const bytes = parseAddress(text.slice(0, slash))
  const digits = text.slice(slash + 1)
  if (bytes === undefined || !/^(0|[1-9]\d{0,2})$/.test(digits)) return undefined
  const length = Number(digits)
  if (length > bytes.length * 8) return undefined
  clearHostBits(bytes, length)
  return { bytes, length }
}

/** Like parsePrefix, but a plain address is a prefix of full length. */
export function parseAddressOrPrefix(text: string): Prefix | undefined {
  if (text.includes('/')) return parsePrefix(text)
  const bytes = parseAddress(text)
  return bytes === undefined ? undefined : { bytes, length: bytes.length * 8 }
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.bytes)}/${prefix.length}`
}

/** Whether the address or prefix (its bytes and length) lies inside `outer`. */
export function contains(outer: Prefix, bytes: Uint8Array, length = bytes.length * 8): boolean {
  return outer.bytes.length === bytes.length && length >= outer.length && containsAt(outer, bytes, 0)
}

/** Whether the prefix covers the address of its own family that starts at `at`. */
export function containsAt(outer: Prefix, bytes: Uint8Array, at: number): boolean {
  const whole = outer.length >> 3
  for (let i = 0; i < whole; i++) if (outer.bytes[i] !== bytes[at + i]) return false
  const rest = outer.length & 7
  return rest === 0 || ((outer.bytes[whole]! ^ bytes[at + whole]!) & (0xff00 >> rest) & 0xff) === 0
}

export function clearHostBits(bytes: Uint8Array, length: number): void {
  const whole = length >> 3
  const rest = length & 7
  if (rest !== 0) bytes[whole]! &= 0xff00 >> rest
  bytes.fill(0, rest === 0 ? whole : whole + 1)
}

function parseV4(text: string): Uint8Array | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  const bytes = new Uint8Array(4)
  for (let i = 0; i < 4; i++) {
    const part = parts[i]!
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined
    bytes[i] = Number(part)
  }
  return bytes
}

function parseV6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = parseGroups(halves[0]!, halves.length === 1)
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : []
  if (head === undefined || tail === undefined) return undefined
  const missing = 16 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined
  return Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...tail])
}

function parseGroups(text: string, last: boolean): number[] | undefined {
  if (text === '') return []
  const bytes: number[] = []
  const groups = text.split(':')
  for (const [i, group] of groups.entries()) {
    if (last && i === groups.length - 1 && group.includes('.')) {
      const v4 = parseV4(group)
      if (v4 === undefined) return undefined
      bytes.push(...v4)
    } else if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16)
      bytes.push(value >> 8, value & 255)
    } else return undefined
  }
  return bytes
}

/** RFC 5952: the longest run of two or more zero groups (the first of equals) as `::`; section 5: a mapped address keeps its dotted tail. */
function formatV6(bytes: Uint8Array): string {
  let gap = -1
  let gapLength = 1
  for (let i = 0, run = 0; i < 8; i++) {
    run = (bytes[2 * i]! | bytes[2 * i + 1]!) === 0 ? run + 1 : 0
    if (run > gapLength) {
      gapLength = run
      gap = i - run + 1
    }
  }
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
