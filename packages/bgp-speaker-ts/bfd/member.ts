// A session and its sockets: opens them, tries again when that fails, and closes them.
import type { Clock } from '../clock.ts'
import { SOURCE_PORTS, type ValidSession } from './config.ts'
import type { DownReason } from './fsm.ts'
import type { Listeners } from './listeners.ts'
import { BfdSession } from './session.ts'
import type { Sockets, TransmitSocket } from './sockets.ts'

export interface MemberContext {
  readonly sockets: Sockets
  readonly listeners: Listeners
  readonly clock: Clock
  readonly random: () => number
  /** The sockets are open: the session's deadlines count from now on. */
  ready(member: Member): void
  up(id: number): void
  down(id: number, reason: DownReason, diagnostic: number): void
  /** The sockets cannot be opened; reported once for each different problem. */
  problem(id: number, message: string): void
}

/** Milliseconds between attempts to open the sockets: the local address may appear after the session was added. */
const RETRY = 2000
const SOURCE_PORT_ATTEMPTS = 20

export class Member {
  readonly id: number
  readonly session: BfdSession
  readonly #context: MemberContext
  #socket: TransmitSocket | undefined
  #releaseListener: (() => void) | undefined
  #cancelRetry: (() => void) | undefined
  #closed = false
  /** The session is leaving and tells its neighbour so until this time; undefined: it is not leaving. */
  leavesAt: number | undefined

  constructor(id: number, config: ValidSession, discriminator: number, context: MemberContext) {
    this.id = id
    this.#context = context
    this.session = new BfdSession(config, discriminator, {
      now: () => context.clock.now(),
      random: context.random,
      transmit: (bytes) => this.#socket?.send(bytes),
      up: () => context.up(id),
      down: (reason, diagnostic) => context.down(id, reason, diagnostic),
    })
  }

  /** Whether the sockets are open. */
  get open(): boolean {
    return this.#socket !== undefined
  }

  async start(): Promise<void> {
    try {
      await this.#openSockets()
      this.session.problem = undefined
      if (this.#closed) this.close()
      else this.#context.ready(this)
    } catch (error) {
      this.stopReceiving()
      if (!this.#closed) this.#failed(error instanceof Error ? error.message : String(error))
    }
  }

  /** The session is leaving: stops receiving. */
  stopReceiving(): void {
    this.#releaseListener?.()
    this.#releaseListener = undefined
  }

  close(): void {
    this.#closed = true
    this.#cancelRetry?.()
    this.stopReceiving()
    this.#socket?.close()
    this.#socket = undefined
  }

  #failed(message: string): void {
    if (message !== this.session.problem) this.#context.problem(this.id, message)
    this.session.problem = message
    this.#cancelRetry = this.#context.clock.after(RETRY, () => void this.start())
  }

  async #openSockets(): Promise<void> {
    const { local, peer, port, sourcePort } = this.session.config
    this.#releaseListener = await this.#context.listeners.acquire(local, port)
    const onError = () => this.session.countSendError()
    for (let attempt = 1; ; attempt++) {
      const address = { local, peer, port, sourcePort: sourcePort ?? this.#randomPort() }
      try {
        this.#socket = await this.#context.sockets.transmit(address, onError)
        return
      } catch (error) {
        const taken = (error as { code?: unknown }).code === 'EADDRINUSE'
        if (!taken || sourcePort !== undefined || attempt === SOURCE_PORT_ATTEMPTS) throw error
      }
    }
  }

  #randomPort(): number {
    const { first, last } = SOURCE_PORTS
    return first + Math.floor(this.#context.random() * (last - first + 1))
  }
}
