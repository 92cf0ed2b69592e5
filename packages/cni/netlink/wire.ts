// Netlink messages as bytes: attributes in, attributes out. Little-endian, as amd64 and arm64 are.
// Its own small codec: at every start of a plugin each KB of bytecode costs about 15 us.

/**
 * A message's bytes while it is put together: text with a character a byte, which QuickJS joins by copying. Lists of numbers
 * took a fifth of all instructions of an ADD.
 */
export type Bytes = string

export const u16 = (value: number): Bytes => String.fromCharCode(value & 255, (value >> 8) & 255)

export const u32 = (value: number): Bytes =>
  String.fromCharCode(value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >>> 24) & 255)

/** Network byte order. */
export const be16 = (value: number): Bytes => String.fromCharCode((value >> 8) & 255, value & 255)
export const be32 = (value: number): Bytes =>
  String.fromCharCode((value >>> 24) & 255, (value >> 16) & 255, (value >> 8) & 255, value & 255)

/** The numbers as bytes. QuickJS walks a list that is spread by its iterator: 400 instructions an item. */
export const bytes = (...values: readonly number[]): Bytes =>
  String.fromCharCode.apply(null, values as number[])

export const bytesOf = (values: Uint8Array): Bytes =>
  String.fromCharCode.apply(null, values as unknown as number[])

/** ASCII text with its terminating zero. */
export const cString = (text: string): Bytes => `${text}\0`

const NLA_F_NESTED = 0x8000
const PADDING: readonly Bytes[] = ['', '\0\0\0', '\0\0', '\0']

/** struct nlattr and its value, padded to four bytes (linux/netlink.h). */
export function attribute(type: number, value: Bytes): Bytes {
  const length = value.length + 4
  const header = String.fromCharCode(length & 255, length >> 8, type & 255, type >> 8)
  return header + value + PADDING[length & 3]!
}

export function nested(type: number, ...attributes: readonly Bytes[]): Bytes {
  return attribute(type | NLA_F_NESTED, attributes.join(''))
}

/** As `nested`, for the older attributes whose kernel code wants no NLA_F_NESTED. */
export function group(type: number, ...attributes: readonly Bytes[]): Bytes {
  return attribute(type, attributes.join(''))
}

const NLM_F_REQUEST = 0x1
export const NLM_F_ACK = 0x4
/** On a message of a dump: the table changed meanwhile, and entries may be missing. */
export const NLM_F_DUMP_INTR = 0x10
export const NLM_F_DUMP = 0x300
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
export const NLM_F_APPEND = 0x800

export const NLMSG_ERROR = 2
export const NLMSG_DONE = 3
export const HEADER_LENGTH = 16

/** One request, without its sequence number. */
export interface Request {
  readonly type: number
  readonly flags: number
  readonly body: Bytes
}

const ANY_PORT = u32(0)

/** All requests in one datagram, with consecutive sequence numbers from `first`. */
export const encode = (requests: readonly Request[], first: number): Bytes =>
  requests
    .map(({ type, flags, body }, index) => {
      const length = HEADER_LENGTH + body.length
      const header = u32(length) + u16(type) + u16(flags | NLM_F_REQUEST) + u32(first + index) + ANY_PORT
      return header + body + PADDING[length & 3]!
    })
    .join('')

/** A message as it came: its body is a view into the datagram. */
export interface Message {
  readonly type: number
  readonly flags: number
  readonly sequence: number
  readonly body: Uint8Array
}

export const getU16 = (bytes: Uint8Array, at: number) => bytes[at]! | (bytes[at + 1]! << 8)
export const getU32 = (bytes: Uint8Array, at: number) =>
  (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
export const getI32 = (bytes: Uint8Array, at: number) => getU32(bytes, at) | 0

/** Splits a datagram; what is cut short at its end is left out. */
export function decode(datagram: Uint8Array): Message[] {
  const messages: Message[] = []
  for (let at = 0; at + HEADER_LENGTH <= datagram.length; ) {
    const length = getU32(datagram, at)
    if (length < HEADER_LENGTH || at + length > datagram.length) break
    messages.push({
      type: getU16(datagram, at + 4),
      flags: getU16(datagram, at + 6),
      sequence: getU32(datagram, at + 8),
      body: datagram.subarray(at + HEADER_LENGTH, at + length),
    })
    at += (length + 3) & ~3
  }
  return messages
}

/** Types of attributes, as a table. */
export interface Wanted {
  readonly types: Uint8Array
  readonly count: number
}

export function wanted(...types: readonly number[]): Wanted {
  const table = new Uint8Array(64)
  for (const type of types) table[type] = 1
  return { types: table, count: types.length }
}

/**
 * The attributes from `offset` on, by type; of a repeated one the last.
 * @param only the types to look at, all of which are looked for: a link has fifty, and a view of each is dear
 */
export function attributes(bytes: Uint8Array, offset: number, only?: Wanted): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>()
  const end = bytes.length
  for (let at = offset; at + 4 <= end; ) {
    const length = bytes[at]! | (bytes[at + 1]! << 8)
    if (length < 4 || at + length > end) break
    const type = (bytes[at + 2]! | (bytes[at + 3]! << 8)) & 0x3fff
    if (only === undefined || only.types[type] === 1) {
      found.set(type, bytes.subarray(at + 4, at + length))
      if (found.size === only?.count) break
    }
    at += (length + 3) & ~3
  }
  return found
}

/** The attributes from `offset` on, in order. */
export function attributeList(bytes: Uint8Array, offset: number): [number, Uint8Array][] {
  const found: [number, Uint8Array][] = []
  for (let at = offset; at + 4 <= bytes.length; ) {
    const length = getU16(bytes, at)
    if (length < 4 || at + length > bytes.length) break
    found.push([getU16(bytes, at + 2) & 0x3fff, bytes.subarray(at + 4, at + length)])
    at += (length + 3) & ~3
  }
  return found
}

/** Text up to its terminating zero. */
export function getString(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length && bytes[i] !== 0; i++) text += String.fromCharCode(bytes[i]!)
  return text
}
