// A netlink socket: several requests in one send, replies matched to them by sequence number.

import type { NetworkInterface, System } from '../system.ts'
import {
  attributes,
  bytes,
  decode,
  encode,
  getI32,
  getString,
  HEADER_LENGTH,
  type Message,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  type Request,
} from './wire.ts'

const NAMES: Readonly<Record<number, string>> = {
  1: 'EPERM',
  2: 'ENOENT',
  3: 'ESRCH',
  4: 'EINTR',
  6: 'ENXIO',
  12: 'ENOMEM',
  13: 'EACCES',
  16: 'EBUSY',
  17: 'EEXIST',
  19: 'ENODEV',
  22: 'EINVAL',
  28: 'ENOSPC',
  34: 'ERANGE',
  95: 'EOPNOTSUPP',
  97: 'EAFNOSUPPORT',
  99: 'EADDRNOTAVAIL',
  100: 'ENETDOWN',
  101: 'ENETUNREACH',
  107: 'ENOTCONN',
  113: 'EHOSTUNREACH',
}

/** The kernel's refusal of one request; `code` is its symbolic name ('ENOENT'). */
export class NetlinkError extends Error {
  readonly code: string

  constructor(errno: number, explanation: string) {
    const code = NAMES[errno] ?? `E${errno}`
    super(explanation === '' ? code : `${code} (${explanation})`)
    this.code = code
  }
}

/** What came back for one request. */
export interface Reply {
  readonly error: NetlinkError | undefined
  /** A dump during which the table changed: entries may be missing. */
  readonly interrupted: boolean
  readonly messages: readonly Message[]
}

const NLMSGERR_ATTR_MSG = 1
const EINTR = 4
/** Each takes a millisecond at most. */
const DUMP_ATTEMPTS = 100
const NFNL_MSG_BATCH_BEGIN = 16
const NFNL_MSG_BATCH_END = 17

/** struct nlmsgerr: the error, the request's header, then (NETLINK_CAP_ACK) the explanation. */
function readError(body: Uint8Array): NetlinkError | undefined {
  const errno = -getI32(body, 0)
  if (errno === 0) return undefined
  const explanation = attributes(body, 4 + HEADER_LENGTH).get(NLMSGERR_ATTR_MSG)
  return new NetlinkError(errno, explanation === undefined ? '' : getString(explanation))
}

/** Of rtnetlink every fourth type is RTM_GET…: what is asked for is the answer, and needs no acknowledgement. A dump has an end of its own. */
const isQuestion = ({ type, flags }: Request) => type < 256 && (type & 3) === 2 && (flags & NLM_F_DUMP) === 0

/** Refusals come unasked, each in its place: the last request is answered in any case. */
const acknowledgeLast = (requests: readonly Request[]): Request[] =>
  requests.map((r, i) => (i + 1 < requests.length ? r : { ...r, flags: r.flags | NLM_F_ACK }))

export class Netlink {
  private readonly system: System
  private readonly socket: number
  private sequence = 1

  constructor(system: System, protocol = 0) {
    this.system = system
    this.socket = system.netlinkSocket(protocol)
  }

  close(): void {
    this.system.close(this.socket)
  }

  find(name: string): NetworkInterface | undefined {
    return this.system.findInterface(this.socket, name)
  }

  indexOf(name: string): number | undefined {
    return this.system.interfaceIndex(this.socket, name)
  }

  /** The name of the interface with that index; undefined where there is none. */
  nameOf(index: number): string | undefined {
    return this.system.interfaceName(this.socket, index)
  }

  /**
   * Sends all requests at once; returns the answer of each, in their order. Only the last one may be a dump. The kernel takes them one
   * after the other and says unasked which it refuses: once the last one is answered, the others are.
   */
  exchange(requests: readonly Request[]): Reply[] {
    if (requests.length === 0) return []
    const first = this.sequence
    const last = first + requests.length - 1
    this.sequence += requests.length
    const replies = requests.map(
      () => ({ error: undefined, interrupted: false, messages: [] as Message[] }) as Mutable<Reply>,
    )
    const asks = isQuestion(requests.at(-1)!)
    this.system.send(this.socket, encode(asks ? requests : acknowledgeLast(requests), first))
    for (let done = false; !done; ) {
      for (const message of decode(this.system.receive(this.socket))) {
        const reply = replies[message.sequence - first]
        if (reply === undefined) continue
        if (message.flags & NLM_F_DUMP_INTR) reply.interrupted = true
        const ends = message.type === NLMSG_ERROR || message.type === NLMSG_DONE
        if (ends) reply.error = readError(message.body)
        else reply.messages.push(message)
        done ||= message.sequence === last && (ends || asks)
      }
    }
    return replies
  }

  /** As `exchange`, but throws the first refusal. */
  request(requests: readonly Request[]): Reply[] {
    const replies = this.exchange(requests)
    for (const reply of replies) if (reply.error !== undefined) throw reply.error
    return replies
  }

  /**
   * Sends requests that take effect together or not at all (nfnetlink batch of one subsystem).
   * @throws NetlinkError the first refusal
   */
  transaction(subsystem: number, requests: readonly Request[]): void {
    const first = this.sequence
    this.sequence += requests.length + 2
    const frame = (type: number): Request => ({ type, flags: 0, body: bytes(0, 0, 0, subsystem) })
    const last = requests.length
    const batch = [frame(NFNL_MSG_BATCH_BEGIN), ...acknowledgeLast(requests), frame(NFNL_MSG_BATCH_END)]
    this.system.send(this.socket, encode(batch, first))
    let refusal: NetlinkError | undefined
    for (let done = false; !done; ) {
      for (const message of decode(this.system.receive(this.socket))) {
        if (message.type !== NLMSG_ERROR || message.sequence < first) continue
        const error = readError(message.body)
        // A refusal of the frame is of the whole and the only answer.
        if (message.sequence === first && error !== undefined) throw error
        refusal ??= error
        done ||= message.sequence === first + last
      }
    }
    if (refusal !== undefined) throw refusal
  }

  /** All entries of a table, read anew until it did not change meanwhile. @throws NetlinkError EINTR when it always does */
  dump(request: Request): readonly Message[] {
    const dump = { ...request, flags: request.flags | NLM_F_DUMP }
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      const [reply] = this.request([dump])
      if (!reply!.interrupted) return reply!.messages
    }
    throw new NetlinkError(EINTR, `the table changed during each of ${DUMP_ATTEMPTS} dumps`)
  }
}

type Mutable<T> = {
  -readonly [K in keyof T]: T[K] extends readonly (infer I)[] ? I[] : T[K]
}
