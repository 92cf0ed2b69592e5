/** What is compared of a dump's messages, put together without an object for each message. */
import {
  afterMessage,
  HEADER_LENGTH,
  type Message,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  readMessage,
  readU16,
  readU32,
} from './wire.ts'

/** Where the part that counts of a message ends: it begins with the payload. */
export type PartEnd = (bytes: Uint8Array, payload: number) => number

export interface KeptParts {
  /** So many bytes were kept. */
  readonly length: number
  /** The table changed during the dump. */
  readonly interrupted: boolean
  /** The message that ends the dump, if it is among them. */
  readonly last: Message | undefined
}

/** Moves the parts of one datagram's messages to its beginning. @throws WireError when a length runs past the end */
export function keepParts(bytes: Uint8Array, seq: number, partEnd: PartEnd): KeptParts {
  let kept = 0
  let interrupted = false
  for (let at = 0; at < bytes.length; ) {
    const next = afterMessage(bytes, at)
    if (readU32(bytes, at + 8) === seq) {
      if (readU16(bytes, at + 6) & NLM_F_DUMP_INTR) interrupted = true
      const type = readU16(bytes, at + 4)
      if (type === NLMSG_DONE || type === NLMSG_ERROR)
        return { length: kept, interrupted, last: readMessage(bytes, at) }
      const payload = at + HEADER_LENGTH
      const end = Math.min(partEnd(bytes, payload), next)
      bytes.copyWithin(kept, payload, end)
      kept += end - payload
    }
    at = next
  }
  return { length: kept, interrupted, last: undefined }
}
