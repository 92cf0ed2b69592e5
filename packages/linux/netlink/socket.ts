/**
 * A netlink socket for requests. One send carries many of them; replies are matched by sequence number. Sends that change something run
 * off the main thread, because the kernel does the work inside them (RTM_DELLINK takes 16-20 ms). Reading is done on it, a part at a
 * time: handing a part to a thread and back takes longer than the part itself (0.2 ms a hop in the lab's machine).
 */
import { createHash } from 'node:crypto'
import { hasCode, KernelError } from '../errors.ts'
import { withNetns } from '../netns.ts'
import { close, getsockname, recvAsync, recvNow, send, sendAsync } from '../sys.ts'
import {
  type BatchOutcome,
  blame,
  MAX_BATCH,
  MAX_BATCH_BYTES,
  type NetlinkRequest,
  noteReply,
  packRequests,
  packTransaction,
} from './batch.ts'
import { keepParts, type PartEnd } from './digest.ts'
import { growSendBuffer, openRequestSocket, SEND_BUFFER } from './open.ts'
import {
  beginMessage,
  createWriter,
  endMessage,
  type Message,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  readDone,
  readError,
  readMessages,
  readU32,
  written,
} from './wire.ts'

export type { NetlinkRequest } from './batch.ts'

export const NETLINK_ROUTE = 0
export const NETLINK_NETFILTER = 12
export const NETLINK_GENERIC = 16

/** The largest datagram: the kernel fills at most 32 KiB of a dump at a time. */
const DATAGRAM = 64 * 1024
/** After a part of more bytes than this, other work has a turn before the next part of a dump is read. */
const LONG_PART = 4096
const DUMP_ATTEMPTS = 20
/** Sequence numbers of one send must not wrap: it begins at 1 again after this one. */
const LAST_SEQ = 0x7fff0000
/** Parts of which a digest is made in one turn of the event loop: 0.2 ms each. */
const PARTS_A_TURN = 4

export interface NetlinkOptions {
  /** Path (or name under /run/netns) of the network namespace to open the socket in. */
  readonly netns?: string | undefined
}

/** One socket; calls are queued and run one after the other. */
export class NetlinkSocket implements Disposable {
  readonly #fd: number
  readonly #writer = createWriter(MAX_BATCH_BYTES)
  readonly #buffer = new Uint8Array(DATAGRAM)
  #seq = 0
  #queue: Promise<unknown> = Promise.resolve()
  #running = 0
  #closed = false

  private constructor(fd: number) {
    this.#fd = fd
  }

  /** @param protocol NETLINK_ROUTE, NETLINK_GENERIC, NETLINK_NETFILTER @throws KernelError */
  static open(protocol: number, options: NetlinkOptions = {}): NetlinkSocket {
    return new NetlinkSocket(withNetns(options.netns, () => openRequestSocket(protocol)))
  }

  /**
   * Sends all requests; one outcome for each, in order, null for success. Not atomic: the kernel goes on after a refusal.
   * An outcome ENOBUFS or ETIMEDOUT means that the reply was lost: the request may have been carried out. EINVAL is also the
   * outcome of a request that could not be written (an address that is none).
   */
  batch(requests: readonly NetlinkRequest[]): Promise<BatchOutcome[]> {
    if (requests.length === 0) return Promise.resolve([])
    return this.#exclusively(async () => {
      const outcomes = new Array<BatchOutcome>(requests.length).fill(null)
      for (let at = 0; at < requests.length; ) at = await this.#sendSome(requests, at, MAX_BATCH, outcomes)
      return outcomes
    })
  }

  /** One request that the kernel answers with messages and an acknowledgement. @throws KernelError */
  exchange(request: NetlinkRequest): Promise<Message[]> {
    return this.#exclusively(async () => {
      const seq = await this.#send(request, NLM_F_ACK)
      const replies: Message[] = []
      await this.#receiveUntil(request.call, (message) => {
        if (message.seq !== seq) return false
        if (message.type === NLMSG_ERROR) throwOn(request.call, readError(message))
        else replies.push(message)
        return message.type === NLMSG_ERROR
      })
      return replies
    })
  }

  /** Sends one request and waits for its acknowledgement. @throws KernelError */
  async execute(request: NetlinkRequest): Promise<void> {
    const [outcome] = await this.batch([request])
    if (outcome) throw outcome
  }

  /**
   * Sends requests as one datagram that the kernel carries out whole or not at all; the first and the last are its brackets.
   * @throws KernelError of the first request that is refused; EMSGSIZE when there are too many
   */
  transaction(requests: readonly NetlinkRequest[]): Promise<void> {
    return this.#exclusively(async () => {
      if (this.#seq > LAST_SEQ) this.#seq = 0
      const first = this.#seq + 1
      const w = createWriter()
      packTransaction(w, requests, first)
      this.#seq += requests.length
      // All chains of a large node at once are 5 MB.
      if (w.length > SEND_BUFFER) growSendBuffer(this.#fd, w.length)
      await sendAsync(this.#fd, written(w))
      let refused: KernelError | undefined
      await this.#receiveUntil('NFNL_MSG_BATCH_BEGIN', (message) => {
        const index = message.seq - first
        if (message.type !== NLMSG_ERROR || index < 0 || index >= requests.length) return false
        const { errno, text } = readError(message)
        if (errno) refused ??= new KernelError(requests[index]!.call, errno, text)
        // What is refused as a whole is said of the first bracket.
        return index === 0 || index === requests.length - 2
      })
      if (refused) throw refused
    })
  }

  /** Lists all messages of a dump, and begins again when the table changes meanwhile. @throws KernelError; EINTR when it changes during every attempt */
  dump(request: NetlinkRequest): Promise<Message[]> {
    return this.collect(request, (message) => message)
  }

  /**
   * A dump read as it comes, part by part, so that a long one holds up the event loop only for one part (32 KiB) at a time.
   * @param read what a message stands for; undefined leaves it out
   */
  collect<T>(request: NetlinkRequest, read: (message: Message) => T | undefined): Promise<T[]> {
    return this.#exclusively(async () => {
      for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
        const found = await this.#dumpOnce(request, read)
        if (found) return found
      }
      throw interruptedDump(request.call)
    })
  }

  /**
   * A text that is another one when a part of a message of the dump is. No message becomes an object, and the parts of a datagram are hashed at once.
   * @throws KernelError
   */
  digest(request: NetlinkRequest, partEnd: PartEnd): Promise<string> {
    return this.#exclusively(async () => {
      for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
        const found = await this.#digestOnce(request, partEnd)
        if (found !== undefined) return found
      }
      throw interruptedDump(request.call)
    })
  }

  /** The socket's netlink port. The kernel announces changes that it makes with this number as `pid`. @throws KernelError */
  get port(): number {
    return readU32(getsockname(this.#fd), 4)
  }

  /** Closes the socket once the calls under way are over. Later calls are refused with EBADF. */
  [Symbol.dispose](): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#running === 0) close(this.#fd)
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new KernelError('netlink', 9, 'the socket is closed'))
    this.#running++
    const result = this.#queue.then(work).finally(() => {
      if (--this.#running === 0 && this.#closed) close(this.#fd)
    })
    this.#queue = result.catch(() => {})
    return result
  }

  /** Sends requests from `start` on, waits for their outcomes, and returns where to go on. */
  async #sendSome(
    requests: readonly NetlinkRequest[],
    start: number,
    limit: number,
    outcomes: BatchOutcome[],
  ): Promise<number> {
    if (this.#seq > LAST_SEQ) this.#seq = 0
    const packed = packRequests(this.#writer, requests, start, limit, this.#seq + 1, outcomes)
    const count = packed.end - start
    this.#seq += count
    if (packed.last === undefined) return packed.end
    try {
      await sendAsync(this.#fd, written(this.#writer))
      await this.#receiveUntil(requests[start]!.call, (message) =>
        noteReply(message, packed, requests, outcomes),
      )
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      if (error.call === 'send' && hasCode(error, 'EMSGSIZE', 'ENOBUFS') && count > 1) {
        return this.#sendSome(requests, start, count >> 1, outcomes)
      }
      blame(error.errno, packed, requests, outcomes)
    }
    return packed.end
  }

  async #dumpOnce<T>(
    request: NetlinkRequest,
    read: (message: Message) => T | undefined,
  ): Promise<T[] | undefined> {
    const seq = await this.#send(request, NLM_F_DUMP)
    const found: T[] = []
    let interrupted = false
    let failure: unknown
    await this.#receiveUntil(request.call, (message) => {
      if (message.seq !== seq) return false
      if (message.flags & NLM_F_DUMP_INTR) interrupted = true
      if (message.type === NLMSG_DONE) throwOn(request.call, readDone(message))
      else if (message.type === NLMSG_ERROR) throwOn(request.call, readError(message))
      else {
        try {
          const value = read(message)
          if (value !== undefined) found.push(value)
        } catch (error) {
          // The dump is still read to its end: the kernel refuses the next one until then (EBUSY).
          failure ??= error
        }
      }
      return message.type === NLMSG_DONE || message.type === NLMSG_ERROR
    })
    if (failure) throw failure
    return interrupted ? undefined : found
  }

  async #digestOnce(request: NetlinkRequest, partEnd: PartEnd): Promise<string | undefined> {
    const seq = await this.#send(request, NLM_F_DUMP)
    const hash = createHash('sha1')
    let interrupted = false
    for (let parts = 1; ; parts++) {
      const bytes = await this.#receive(request.call, parts % PARTS_A_TURN === 0)
      const kept = keepParts(bytes, seq, partEnd)
      interrupted ||= kept.interrupted
      hash.update(bytes.subarray(0, kept.length))
      if (!kept.last) continue
      throwOn(request.call, kept.last.type === NLMSG_DONE ? readDone(kept.last) : readError(kept.last))
      return interrupted ? undefined : hash.digest('base64')
    }
  }

  /** Sends what asks and changes nothing. */
  async #send(request: NetlinkRequest, flags: number): Promise<number> {
    const w = this.#writer
    w.length = 0
    const seq = this.#nextSeq()
    const start = beginMessage(w, request.type, request.flags | flags | NLM_F_REQUEST, seq)
    request.body(w)
    endMessage(w, start)
    try {
      if (request.waits) await sendAsync(this.#fd, written(w))
      else send(this.#fd, written(w))
    } catch (error) {
      throw error instanceof KernelError ? new KernelError(request.call, error.errno) : error
    }
    return seq
  }

  /** Hands over messages until `last` says so. @throws KernelError ENOBUFS after what was queued is dropped, ETIMEDOUT */
  async #receiveUntil(call: string, last: (message: Message) => boolean): Promise<void> {
    for (let long = false; ; ) {
      const bytes = await this.#receive(call, long)
      long = bytes.length > LONG_PART
      // The messages outlive the buffer's next use.
      for (const message of readMessages(bytes.slice())) if (last(message)) return
    }
  }

  /** What was received, as a view that the next call overwrites. */
  async #receive(call: string, long: boolean): Promise<Uint8Array> {
    try {
      if (long) await nextTurn()
      // The reply is there when the send returns, and each later part of a dump is made while it is read.
      const ready = recvNow(this.#fd, this.#buffer)
      const length = ready >= 0 ? ready : await recvAsync(this.#fd, this.#buffer)
      return this.#buffer.subarray(0, length)
    } catch (error) {
      if (hasCode(error, 'EINTR')) return new Uint8Array(0)
      if (hasCode(error, 'EAGAIN')) throw new KernelError(call, 110, 'no reply')
      if (hasCode(error, 'ENOBUFS')) this.#drain()
      throw error
    }
  }

  #drain(): void {
    for (;;) {
      try {
        if (recvNow(this.#fd, this.#buffer) < 0) return
      } catch (error) {
        if (!hasCode(error, 'ENOBUFS')) throw error
      }
    }
  }

  #nextSeq(): number {
    return ++this.#seq
  }
}

function interruptedDump(call: string): KernelError {
  return new KernelError(call, 4, `the table changed during each of ${DUMP_ATTEMPTS} dumps`)
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function throwOn(call: string, reply: { errno: number; text?: string }): void {
  if (reply.errno) throw new KernelError(call, reply.errno, reply.text)
}
