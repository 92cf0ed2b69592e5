// The 19-byte message header (RFC 4271 section 4.1), and the framer that cuts a TCP stream into messages.
import { NotificationError } from '../errors.ts'
import { ERROR, HEADER_ERROR, HEADER_LENGTH, MAX_LENGTH, MESSAGE } from './codes.ts'
import { readU16 } from './reader.ts'

//  0                   1                   2                   3
//  |                         Marker (16 x 0xff)                  |
//  |          Length               |      Type     |

const MINIMUM: Readonly<Record<number, number>> = {
  [MESSAGE.OPEN]: 29,
  [MESSAGE.UPDATE]: 23,
  [MESSAGE.NOTIFICATION]: 21,
  [MESSAGE.KEEPALIVE]: 19,
  [MESSAGE.ROUTE_REFRESH]: 19,
}

/**
 * Checks the complete header at `at` and returns the message's length.
 * @param maxLength 4096, or 65535 with extended messages (RFC 8654), which OPEN and KEEPALIVE never use
 * @throws NotificationError as in RFC 4271 section 6.1.
 */
export function checkHeader(bytes: Uint8Array, at: number, maxLength: number): number {
  for (let i = 0; i < 16; i++) {
    if (bytes[at + i] !== 0xff)
      throw new NotificationError(ERROR.HEADER, HEADER_ERROR.NOT_SYNCHRONIZED, 'marker is not all ones')
  }
  const length = readU16(bytes, at + 16)
  const type = bytes[at + 18]!
  const badLength = () =>
    new NotificationError(
      ERROR.HEADER,
      HEADER_ERROR.BAD_LENGTH,
      `bad length ${length} of message type ${type}`,
      bytes.slice(at + 16, at + 18),
    )
  if (length < HEADER_LENGTH || length > maxLength) throw badLength()
  const minimum = MINIMUM[type]
  if (minimum === undefined)
    throw new NotificationError(
      ERROR.HEADER,
      HEADER_ERROR.BAD_TYPE,
      `unknown message type ${type}`,
      Uint8Array.of(type),
    )
  if (length < minimum || (type === MESSAGE.KEEPALIVE && length !== minimum)) throw badLength()
  if (length > MAX_LENGTH && (type === MESSAGE.OPEN || type === MESSAGE.KEEPALIVE)) throw badLength()
  return length
}

/** Writes marker and type of a header; the caller writes the length when it is known. */
export function writeHeader(bytes: Uint8Array, at: number, type: number): void {
  bytes.fill(0xff, at, at + 16)
  bytes[at + 18] = type
}

/** Called for each complete message in [start, end); the body starts at `start + 19`. Returning false stops the framer. */
export type OnMessage = (bytes: Uint8Array, type: number, start: number, end: number) => boolean

/** Cuts a stream into messages. A message inside one chunk is not copied; only the last incomplete message is kept. */
export class Framer {
  #carry: Uint8Array | undefined
  #carried = 0
  maxLength = MAX_LENGTH

  /** Whether the rest of a message is still to come. */
  get partial(): boolean {
    return this.#carried > 0
  }

  /** Takes the next chunk of the stream. @throws NotificationError on a bad header, and whatever `onMessage` throws. */
  push(bytes: Uint8Array, onMessage: OnMessage): void {
    // Always a plain Uint8Array, because mixing in Buffer makes V8 deoptimize the code behind this.
    const chunk = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    let at = this.#carried > 0 ? this.#complete(chunk, onMessage) : 0
    if (at < 0) return
    while (chunk.length - at >= HEADER_LENGTH) {
      const length = checkHeader(chunk, at, this.maxLength)
      if (chunk.length - at < length) break
      const start = at
      at += length
      if (!onMessage(chunk, chunk[start + 18]!, start, at)) return
    }
    if (at < chunk.length) this.#keep(chunk, at, chunk.length)
  }

  /** Completes the kept message from the chunk. Returns the number of bytes taken, or -1 when the chunk is used up or the framer was stopped. */
  #complete(chunk: Uint8Array, onMessage: OnMessage): number {
    let at = 0
    if (this.#carried < HEADER_LENGTH) {
      at = Math.min(HEADER_LENGTH - this.#carried, chunk.length)
      this.#keep(chunk, 0, at)
      if (this.#carried < HEADER_LENGTH) return -1
    }
    const length = checkHeader(this.#carry!, 0, this.maxLength)
    const part = Math.min(length - this.#carried, chunk.length - at)
    this.#keep(chunk, at, at + part)
    if (this.#carried < length) return -1
    const message = this.#carry!
    this.#carried = 0
    this.#carry = undefined
    return onMessage(message, message[18]!, 0, length) ? at + part : -1
  }

  #keep(chunk: Uint8Array, start: number, end: number): void {
    const needed = this.#carried + end - start
    if (this.#carry === undefined || this.#carry.length < needed) {
      const grown = new Uint8Array(needed <= MAX_LENGTH ? MAX_LENGTH : this.maxLength)
      if (this.#carry !== undefined) grown.set(this.#carry.subarray(0, this.#carried))
      this.#carry = grown
    }
    this.#carry.set(chunk.subarray(start, end), this.#carried)
    this.#carried = needed
  }
}
