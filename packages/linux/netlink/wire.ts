/**
 * The netlink wire format: messages and attributes, written and read. Pure; free functions, so that a bundler keeps only what
 * is used. Numbers are in host order, which is little-endian on every platform that we build for.
 *
 * ```
 *  0       4      6      8     12    16
 * +-------+------+------+-----+-----+---------+     attribute: | length 2 | type 2 | value | pad to 4 |
 * | len   | type | flags| seq | pid | payload |
 * +-------+------+------+-----+-----+---------+     include/uapi/linux/netlink.h
 * ```
 */

export const NLM_F_REQUEST = 0x1
export const NLM_F_ACK = 0x4
export const NLM_F_DUMP_INTR = 0x10
export const NLM_F_DUMP = 0x300
export const NLM_F_REPLACE = 0x100
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
/** On an error: attributes follow the header of the refused request. */
const NLM_F_ACK_TLVS = 0x200
const NLM_F_CAPPED = 0x100

export const NLMSG_ERROR = 2
export const NLMSG_DONE = 3

const NLA_F_NESTED = 0x8000
export const NLA_TYPE_MASK = 0x3fff

export const HEADER_LENGTH = 16

/** Bytes that contradict their own lengths. */
export class WireError extends Error {
  override readonly name = 'WireError'
  readonly code = 'WIRE'
}

/** A growing buffer; `bytes.subarray(0, length)` is what was written. */
export interface Writer {
  bytes: Uint8Array
  view: DataView
  length: number
}

export function createWriter(capacity = 4096): Writer {
  const bytes = new Uint8Array(capacity)
  return { bytes, view: new DataView(bytes.buffer), length: 0 }
}

/** What was written, as a view that the next write may overwrite. */
export function written(w: Writer): Uint8Array {
  return w.bytes.subarray(0, w.length)
}

/** Makes room for `count` bytes, cleared, and returns where they start. */
export function reserve(w: Writer, count: number): number {
  const start = extend(w, count)
  w.bytes.fill(0, start, w.length)
  return start
}

/** As `extend`, but the bytes are not cleared: the caller writes each of them. */
export function extend(w: Writer, count: number): number {
  const start = w.length
  const end = start + count
  if (end > w.bytes.length) {
    const grown = new Uint8Array(Math.max(end, w.bytes.length * 2))
    grown.set(w.bytes.subarray(0, start))
    w.bytes = grown
    w.view = new DataView(grown.buffer)
  }
  w.length = end
  return start
}

export function putU8(w: Writer, value: number): void {
  // `bytes` is looked up after the buffer may have grown.
  const at = extend(w, 1)
  w.bytes[at] = value
}

export function putU16(w: Writer, value: number): void {
  const at = extend(w, 2)
  w.view.setUint16(at, value, true)
}

/** Network byte order: ports. */
export function putU16be(w: Writer, value: number): void {
  const at = extend(w, 2)
  w.view.setUint16(at, value)
}

export function putU32(w: Writer, value: number): void {
  const at = extend(w, 4)
  w.view.setUint32(at, value, true)
}

export function putBytes(w: Writer, value: Uint8Array): void {
  const at = extend(w, value.length)
  w.bytes.set(value, at)
}

/** Writes a message header; `endMessage` fills in its length. */
export function beginMessage(w: Writer, type: number, flags: number, seq: number): number {
  const start = reserve(w, HEADER_LENGTH)
  w.view.setUint16(start + 4, type, true)
  w.view.setUint16(start + 6, flags, true)
  w.view.setUint32(start + 8, seq, true)
  return start
}

export function endMessage(w: Writer, start: number): void {
  w.view.setUint32(start, w.length - start, true)
  align(w)
}

/** Writes an attribute header; `endAttribute` fills in its length. Nested attributes are begun with NLA_F_NESTED in the type. */
export function beginAttribute(w: Writer, type: number): number {
  const start = reserve(w, 4)
  w.view.setUint16(start + 2, type, true)
  return start
}

export function endAttribute(w: Writer, start: number): void {
  w.view.setUint16(start, w.length - start, true)
  align(w)
}

/** An attribute whose value is itself attributes, written by `body`. */
export function putNested(w: Writer, type: number, body: (w: Writer) => void): void {
  const start = beginAttribute(w, type | NLA_F_NESTED)
  body(w)
  endAttribute(w, start)
}

export function putAttribute(w: Writer, type: number, value: Uint8Array): void {
  const start = beginAttribute(w, type)
  putBytes(w, value)
  endAttribute(w, start)
}

export function putU8Attribute(w: Writer, type: number, value: number): void {
  const start = beginAttribute(w, type)
  putU8(w, value)
  endAttribute(w, start)
}

export function putU16Attribute(w: Writer, type: number, value: number): void {
  const start = beginAttribute(w, type)
  putU16(w, value)
  endAttribute(w, start)
}

/** Network byte order: ports. */
export function putU16beAttribute(w: Writer, type: number, value: number): void {
  const start = beginAttribute(w, type)
  putU16be(w, value)
  endAttribute(w, start)
}

export function putU32Attribute(w: Writer, type: number, value: number): void {
  const start = beginAttribute(w, type)
  putU32(w, value)
  endAttribute(w, start)
}

/** Network byte order: numbers of nftables. */
export function putU32beAttribute(w: Writer, type: number, value: number): void {
  const start = beginAttribute(w, type)
  const at = extend(w, 4)
  w.view.setUint32(at, value)
  endAttribute(w, start)
}

/** Text with a closing NUL. ASCII: names of links, kinds, schedulers and families. */
export function putTextAttribute(w: Writer, type: number, text: string): void {
  const start = beginAttribute(w, type)
  const at = reserve(w, text.length + 1)
  for (let i = 0; i < text.length; i++) w.bytes[at + i] = text.charCodeAt(i)
  endAttribute(w, start)
}

function align(w: Writer): void {
  const pad = -w.length & 3
  if (pad) reserve(w, pad)
}

export interface Message {
  readonly type: number
  readonly flags: number
  readonly seq: number
  readonly pid: number
  /** A view of the received bytes. */
  readonly payload: Uint8Array
}

/** The messages of one datagram, of the types that are wanted. @throws WireError when a length runs past the end */
export function readMessages(bytes: Uint8Array, wants?: (type: number) => boolean): Message[] {
  const messages: Message[] = []
  for (let at = 0; at < bytes.length; at = afterMessage(bytes, at)) {
    if (wants === undefined || wants(readU16(bytes, at + 4))) messages.push(readMessage(bytes, at))
  }
  return messages
}

/** Where the message behind the one at `at` begins. @throws WireError when that one's length runs past the end */
export function afterMessage(bytes: Uint8Array, at: number): number {
  return at + ((messageLength(bytes, at) + 3) & ~3)
}

/** @throws WireError when the length runs past the end */
export function readMessage(bytes: Uint8Array, at: number): Message {
  return {
    type: readU16(bytes, at + 4),
    flags: readU16(bytes, at + 6),
    seq: readU32(bytes, at + 8),
    pid: readU32(bytes, at + 12),
    payload: bytes.subarray(at + HEADER_LENGTH, at + messageLength(bytes, at)),
  }
}

function messageLength(bytes: Uint8Array, at: number): number {
  const length = readU32(bytes, at)
  if (length < HEADER_LENGTH || at + length > bytes.length) {
    throw new WireError(`message of ${length} bytes at ${at} of ${bytes.length}`)
  }
  return length
}

/** Attributes by type, flags stripped; of a repeated type the last. */
export type Attributes = ReadonlyMap<number, Uint8Array>

/** Calls `visit` for each attribute from `offset` on. @throws WireError when a length runs past the end */
export function eachAttribute(
  bytes: Uint8Array,
  offset: number,
  visit: (type: number, value: Uint8Array) => void,
): void {
  let at = offset
  while (at + 4 <= bytes.length) {
    const length = readU16(bytes, at)
    if (length < 4 || at + length > bytes.length) {
      throw new WireError(`attribute of ${length} bytes at ${at} of ${bytes.length}`)
    }
    visit(readU16(bytes, at + 2) & NLA_TYPE_MASK, bytes.subarray(at + 4, at + length))
    at += (length + 3) & ~3
  }
}

/** @throws WireError when a length runs past the end */
export function readAttributes(bytes: Uint8Array, offset = 0): Attributes {
  const attributes = new Map<number, Uint8Array>()
  eachAttribute(bytes, offset, (type, value) => attributes.set(type, value))
  return attributes
}

/** @throws WireError past the end, like all that follow */
export function readU8(bytes: Uint8Array, at: number): number {
  const value = bytes[at]
  if (value === undefined) throw new WireError(`byte ${at} of ${bytes.length}`)
  return value
}

export function readU16(bytes: Uint8Array, at: number): number {
  return readU8(bytes, at) | (readU8(bytes, at + 1) << 8)
}

/** Network byte order. */
export function readU16be(bytes: Uint8Array, at: number): number {
  return (readU8(bytes, at) << 8) | readU8(bytes, at + 1)
}

export function readU32(bytes: Uint8Array, at: number): number {
  return (readU16(bytes, at) | (readU16(bytes, at + 2) << 16)) >>> 0
}

export function readI32(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at) | 0
}

export function readU64(bytes: Uint8Array, at: number): bigint {
  return (BigInt(readU32(bytes, at + 4)) << 32n) | BigInt(readU32(bytes, at))
}

/** Text up to a NUL or the end. */
export function readText(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) {
    if (byte === 0) break
    text += String.fromCharCode(byte)
  }
  return text
}

/** An error or acknowledgement (struct nlmsgerr): errno (positive, 0 for success) and the kernel's words, if any. */
export interface ErrorReply {
  readonly errno: number
  readonly text?: string
}

const NLMSGERR_ATTR_MSG = 1

/** Reads NLMSG_ERROR. Attributes follow the refused header alone when NLM_F_CAPPED is set, else the whole request. */
export function readError(message: Message): ErrorReply {
  const errno = 0 - readI32(message.payload, 0)
  if (!(message.flags & NLM_F_ACK_TLVS)) return { errno }
  const request = message.flags & NLM_F_CAPPED ? HEADER_LENGTH : readU32(message.payload, 4)
  const text = readAttributes(message.payload, 4 + ((request + 3) & ~3)).get(NLMSGERR_ATTR_MSG)
  return text ? { errno, text: readText(text) } : { errno }
}

/** Reads the result that ends a dump (NLMSG_DONE): errno, 0 for success. */
export function readDone(message: Message): ErrorReply {
  if (message.payload.length < 4) return { errno: 0 }
  const errno = 0 - readI32(message.payload, 0)
  if (!(message.flags & NLM_F_ACK_TLVS)) return { errno }
  const text = readAttributes(message.payload, 4).get(NLMSGERR_ATTR_MSG)
  return text ? { errno, text: readText(text) } : { errno }
}
