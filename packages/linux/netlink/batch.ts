/** Packs many requests into one send, and tells from the replies how each of them ended. Pure. */
import { KernelError } from '../errors.ts'
import {
  beginMessage,
  endMessage,
  type Message,
  NLM_F_ACK,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  readError,
  type Writer,
} from './wire.ts'

/** 64 to 500 messages a send take nearly the same time each (measured); from about 6,000 on the kernel answers EMSGSIZE. */
export const MAX_BATCH = 400
export const MAX_BATCH_BYTES = 64 * 1024

const EINVAL = 22

export interface NetlinkRequest {
  /** Name for errors: `RTM_NEWROUTE`. */
  readonly call: string
  readonly type: number
  /** Flags besides NLM_F_REQUEST and NLM_F_ACK, which the sender sets. */
  readonly flags: number
  /** Writes what follows the message header. */
  readonly body: (w: Writer) => void
  /** It only asks, and may wait all the same, for a module that the kernel loads. */
  readonly waits?: boolean
}

/** null for success. */
export type BatchOutcome = KernelError | null

/** Requests [start, end) of a list, as they were written. */
export interface Packed {
  readonly start: number
  readonly end: number
  /** Sequence number of request `start`; the others count on from it. */
  readonly firstSeq: number
  /** The request that asks for an acknowledgement, which is the last reply to come. Undefined when nothing was written. */
  readonly last: number | undefined
}

/**
 * Writes requests from `start` on, at most `limit`. Only the last one asks for an acknowledgement: refusals come unasked, before
 * it, in order. A request that cannot be written (an address that is none) has its outcome here, EINVAL, and is left out.
 */
export function packRequests(
  w: Writer,
  requests: readonly NetlinkRequest[],
  start: number,
  limit: number,
  firstSeq: number,
  outcomes: BatchOutcome[],
): Packed {
  w.length = 0
  let last: number | undefined
  let lastAt = 0
  let end = start
  while (end < requests.length && end - start < limit && (end === start || w.length < MAX_BATCH_BYTES)) {
    const request = requests[end]!
    const at = w.length
    try {
      const message = beginMessage(w, request.type, request.flags | NLM_F_REQUEST, firstSeq + end - start)
      request.body(w)
      endMessage(w, message)
      last = end
      lastAt = at
    } catch (error) {
      w.length = at
      outcomes[end] = new KernelError(
        request.call,
        EINVAL,
        error instanceof Error ? error.message : String(error),
      )
    }
    end++
  }
  if (last !== undefined) w.view.setUint16(lastAt + 6, w.view.getUint16(lastAt + 6, true) | NLM_F_ACK, true)
  return { start, end, firstSeq, last }
}

/**
 * Writes a transaction, whose first and last requests are its brackets: the kernel carries out all of it or nothing. Only the request before
 * the last bracket asks for an acknowledgement: kernels before 6.10 give none for brackets.
 */
export function packTransaction(w: Writer, requests: readonly NetlinkRequest[], firstSeq: number): void {
  w.length = 0
  for (const [index, { type, flags, body }] of requests.entries()) {
    const acknowledged = index === requests.length - 2 ? NLM_F_ACK : 0
    const message = beginMessage(w, type, flags | NLM_F_REQUEST | acknowledged, firstSeq + index)
    body(w)
    endMessage(w, message)
  }
}

/** Notes what a reply says; true when it was the last one. */
export function noteReply(
  message: Message,
  packed: Packed,
  requests: readonly NetlinkRequest[],
  outcomes: BatchOutcome[],
): boolean {
  const index = packed.start + message.seq - packed.firstSeq
  if (message.type !== NLMSG_ERROR || index < packed.start || index >= packed.end) return false
  const { errno, text } = readError(message)
  if (errno) outcomes[index] = new KernelError(requests[index]!.call, errno, text)
  return index === packed.last
}

/** Gives `errno` as outcome to every request of the send that has none yet. */
export function blame(
  errno: number,
  packed: Packed,
  requests: readonly NetlinkRequest[],
  outcomes: BatchOutcome[],
): void {
  for (let i = packed.start; i < packed.end; i++) outcomes[i] ??= new KernelError(requests[i]!.call, errno)
}
