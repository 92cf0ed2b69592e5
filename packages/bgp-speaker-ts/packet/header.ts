// The 19-byte message header (RFC 4271 4.1), and cutting a TCP stream into messages.
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
 * Checks the header at `at`, whose 19 bytes are there, and returns the message's length.
 * `maxLength` is 4096, or 65535 with extended messages (RFC 8654), which OPEN and KEEPALIVE never use.
 * @throws NotificationError as RFC 4271 6.1 names it.
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

/** Starts a message: returns where it starts; `endMessage` writes the length. */
export function writeHeader(bytes: Uint8Array, at: number, type: number): void {
  bytes.fill(0xff, at, at + 16)
  bytes[at + 18] = type
}

/** Called for each complete message: `end - start` is its length, the body starts at `start + 19`. False stops the cutting. */
export type OnMessage = (bytes: Uint8Array, type: number, start: number, end: number) => boolean

/** Cuts a stream into messages. A message inside one chunk is not copied; at most one incomplete message is kept. */
export class Framer {
  #carry: Uint8Array | undefined
  #carried = 0
  maxLength = MAX_LENGTH

  /** @throws NotificationError on a bad header; whatever `onMessage` throws passes through. */
  push(bytes: Uint8Array, onMessage: OnMessage): void {
    // Of one class, whether a message came in one piece or not: what is compiled for a Buffer is thrown away at the first plain array, and slower from then on.
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

  /** Completes the carried message from the chunk; returns how much of the chunk it took, or -1 when all of it is used up or cutting was stopped. */
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
