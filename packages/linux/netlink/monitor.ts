/** A netlink socket that listens to multicast groups, to which the kernel announces every change, our own included. */
import { hasCode } from '../errors.ts'
import { withNetns } from '../netns.ts'
import { close, recvNow, send, type Watch, watchReadable } from '../sys.ts'
import { openGroupSocket, RECEIVE_BUFFER } from './open.ts'
import type { NetlinkOptions } from './socket.ts'
import { type Message, readMessages } from './wire.ts'

const DATAGRAM = 64 * 1024
/** Datagrams per turn of the event loop, so that a burst delays nobody else's timers by more than a few ms. */
const TURN = 200

export interface MonitorHandlers {
  onMessage(message: Message): void
  /** Messages were lost (ENOBUFS): what is known must be listed anew. */
  onOverrun(): void
  /** A handler threw, or the socket failed. Without it such errors become uncaught exceptions. */
  onError?(error: Error): void
}

export interface MonitorOptions extends NetlinkOptions {
  /** Bytes; default 8 MiB. */
  readonly receiveBuffer?: number
  /** A classic BPF program that announcements must pass: an array of struct sock_filter. */
  readonly filter?: Uint8Array
  /** Messages that are sent at first: they ask for what is to come. */
  readonly greeting?: Uint8Array
  /** Types of messages that are handed over; all by default. */
  readonly wants?: (type: number) => boolean
}

export class NetlinkMonitor implements Disposable {
  readonly #fd: number
  readonly #handlers: MonitorHandlers
  readonly #buffer = new Uint8Array(DATAGRAM)
  readonly #watch: Watch
  readonly #wants: ((type: number) => boolean) | undefined
  #closed = false

  private constructor(fd: number, handlers: MonitorHandlers, wants: MonitorOptions['wants']) {
    this.#fd = fd
    this.#wants = wants
    this.#handlers = handlers
    this.#watch = watchReadable(fd, (status) => this.#ready(status))
  }

  /** @param groups numbers of multicast groups (RTNLGRP_…) @throws KernelError */
  static open(
    protocol: number,
    groups: readonly number[],
    handlers: MonitorHandlers,
    options: MonitorOptions = {},
  ): NetlinkMonitor {
    const bytes = options.receiveBuffer ?? RECEIVE_BUFFER
    const fd = withNetns(options.netns, () => openGroupSocket(protocol, groups, bytes, options.filter))
    if (options.greeting) greet(fd, options.greeting)
    return new NetlinkMonitor(fd, handlers, options.wants)
  }

  /** Lets the process end while this listens. */
  unref(): this {
    this.#watch.unref()
    return this
  }

  /** No handler is called after this. */
  [Symbol.dispose](): void {
    if (this.#closed) return
    this.#closed = true
    this.#watch.close()
    close(this.#fd)
  }

  #ready(status: number): void {
    // libuv reports the pending ENOBUFS as an error of its own (status -9) and stops watching.
    const stopped = status < 0
    try {
      const overrun = this.#drain(stopped ? Number.POSITIVE_INFINITY : TURN)
      if (overrun && !this.#closed) this.#handlers.onOverrun()
    } catch (error) {
      this.#report(error)
    }
    if (stopped && !this.#closed) this.#watch.restart()
  }

  /** Hands over at most `limit` datagrams; true when the kernel says that it dropped some. */
  #drain(limit: number): boolean {
    let overrun = false
    for (let n = 0; n < limit && !this.#closed; n++) {
      try {
        const length = recvNow(this.#fd, this.#buffer)
        if (length < 0) break
        this.#deliver(this.#buffer.slice(0, length))
      } catch (error) {
        if (!hasCode(error, 'ENOBUFS')) throw error
        overrun = true
      }
    }
    return overrun
  }

  #deliver(datagram: Uint8Array): void {
    for (const message of readMessages(datagram, this.#wants)) {
      if (this.#closed) return
      try {
        this.#handlers.onMessage(message)
      } catch (error) {
        this.#report(error)
      }
    }
  }

  /** An exception must not leave the callback: libuv called it. */
  #report(error: unknown): void {
    const known = error instanceof Error ? error : new Error(String(error))
    if (this.#handlers.onError) this.#handlers.onError(known)
    else queueMicrotask(() => Promise.reject(known))
  }
}

function greet(fd: number, messages: Uint8Array): void {
  try {
    send(fd, messages)
  } catch (error) {
    close(fd)
    throw error
  }
}
