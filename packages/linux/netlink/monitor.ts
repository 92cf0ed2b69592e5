/** A netlink socket that listens to multicast groups: what somebody, we included, has changed in the kernel. */
import { hasCode, KernelError } from '../errors.ts'
import { withNetns } from '../netns.ts'
import {
  AF_NETLINK,
  attachFilter,
  bind,
  close,
  recvNow,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
  setsockoptInt,
  socket,
  type Watch,
  watchReadable,
} from '../sys.ts'
import type { NetlinkOptions } from './socket.ts'
import { type Message, readMessages } from './wire.ts'

const SOL_NETLINK = 270
const NETLINK_ADD_MEMBERSHIP = 1
/** 8 MiB took a burst of 10,000 route events; the default lost all but 255. */
const RECEIVE_BUFFER = 8 * 1024 * 1024
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
    const fd = withNetns(options.netns, () => openListener(protocol, groups, bytes, options.filter))
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

function openListener(
  protocol: number,
  groups: readonly number[],
  receiveBuffer: number,
  filter: Uint8Array | undefined,
): number {
  const fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, protocol)
  try {
    sizeReceiveBuffer(fd, receiveBuffer)
    if (filter) attachFilter(fd, filter)
    const address = new Uint8Array(12)
    address[0] = AF_NETLINK
    bind(fd, address)
    for (const group of groups) setsockoptInt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
  } catch (error) {
    close(fd)
    throw error
  }
  return fd
}

function sizeReceiveBuffer(fd: number, bytes: number): void {
  try {
    setsockoptInt(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes)
  } catch (error) {
    if (!(error instanceof KernelError && error.code === 'EPERM')) throw error
    setsockoptInt(fd, SOL_SOCKET, SO_RCVBUF, bytes)
  }
}
