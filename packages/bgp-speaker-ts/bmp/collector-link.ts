// The connection to a collector: opened again after it was lost, later and later; says when it takes no more.
import type { Connection } from '../transport.ts'
import { encodeBmp } from './codec.ts'
import { type CollectorConfig, nameOf } from './config.ts'
import { type BmpMessage, TERMINATION } from './messages.ts'
import type { ObservedSpeaker } from './observer.ts'

const CONNECT_TIMEOUT = 10_000
/** Milliseconds after which a collector that reads nothing is left and tried again. */
const STALLED = 120_000
/** Most milliseconds between two attempts. RFC 7854 section 3.2 suggests from 30 s to 720 s; a collector's restart takes seconds. */
const MAX_RETRY = 120_000
/** A connection that lasted so long, in milliseconds, was none that failed. */
const LASTED = 30_000
/** Milliseconds in which the last messages may be sent. */
const LINGER = 1000

export interface LinkOwner {
  connected(): void
  /** All that the collector was told is void. */
  lost(): void
  /** There is room again. */
  ready(): void
}

export interface LinkSnapshot {
  readonly name: string
  readonly state: 'waiting' | 'connecting' | 'connected'
  /** Milliseconds since it was connected. */
  readonly uptime: number | undefined
  readonly messagesSent: number
  readonly connects: number
  /** Why it is not connected, or was not last. */
  readonly lastError: string | undefined
}

export class CollectorLink {
  /** The connection takes no more at the moment. */
  full = false
  readonly name: string
  readonly #config: CollectorConfig
  readonly #speaker: ObservedSpeaker
  readonly #owner: LinkOwner
  #connection: Connection | undefined
  #connectedAt: number | undefined
  #failures = 0
  #connects = 0
  #messagesSent = 0
  #lastError: string | undefined
  /** Of the next attempt, and of the end of the present one. */
  #cancelAttempt: (() => void) | undefined
  #cancelStalled: (() => void) | undefined

  constructor(config: CollectorConfig, speaker: ObservedSpeaker, owner: LinkOwner) {
    this.name = nameOf(config)
    this.#config = config
    this.#speaker = speaker
    this.#owner = owner
  }

  get connected(): boolean {
    return this.#connectedAt !== undefined
  }

  snapshot(): LinkSnapshot {
    const at = this.#connectedAt
    return {
      name: this.name,
      state: at !== undefined ? 'connected' : this.#connection === undefined ? 'waiting' : 'connecting',
      uptime: at === undefined ? undefined : this.#speaker.clock.now() - at,
      messagesSent: this.#messagesSent,
      connects: this.#connects,
      lastError: this.#lastError,
    }
  }

  connect(): void {
    const { transport, clock } = this.#speaker
    const { address, port, localAddress } = this.#config
    const options = { address, port, ...(localAddress === undefined ? {} : { localAddress }) }
    const connection: Connection = transport.connect(options, {
      onConnect: () => this.#established(connection),
      onData() {},
      onDrain: () => this.#drained(connection),
      onClose: (error) => this.#ended(connection, error?.message ?? 'closed by the collector'),
    })
    this.#connection = connection
    this.#cancelAttempt = clock.after(CONNECT_TIMEOUT, () => this.#leave(connection, 'connect timed out'))
  }

  send(message: BmpMessage): void {
    const connection = this.#connection
    if (connection === undefined) return
    this.#messagesSent++
    if (connection.write(encodeBmp(message)) || this.full) return
    this.full = true
    const { clock } = this.#speaker
    this.#cancelStalled = clock.after(STALLED, () => this.#leave(connection, 'the collector reads nothing'))
  }

  /** Says that it is over, and closes the connection; resolves when it is closed. */
  async close(): Promise<void> {
    const connection = this.#connection
    if (this.connected)
      this.send({ kind: 'termination', reason: TERMINATION.ADMINISTRATIVE, information: [] })
    const wasConnected = this.connected
    this.#forget()
    if (connection === undefined) return
    if (!wasConnected) return connection.destroy()
    const closed = Promise.withResolvers<void>()
    const ignore = () => {}
    connection.handle({ onConnect: ignore, onData: ignore, onDrain: ignore, onClose: () => closed.resolve() })
    connection.end()
    const cancel = this.#speaker.clock.after(LINGER, () => connection.destroy())
    await closed.promise
    cancel()
  }

  #established(connection: Connection): void {
    if (connection !== this.#connection) return
    this.#cancelAttempt?.()
    this.#connectedAt = this.#speaker.clock.now()
    this.#connects++
    this.#speaker.log.info('BMP collector connected', { collector: this.name })
    this.#owner.connected()
  }

  #drained(connection: Connection): void {
    if (connection !== this.#connection) return
    this.#cancelStalled?.()
    this.full = false
    this.#owner.ready()
  }

  #leave(connection: Connection, error: string): void {
    this.#ended(connection, error)
    connection.destroy()
  }

  #ended(connection: Connection, error: string): void {
    if (connection !== this.#connection) return
    const { clock, log, random } = this.#speaker
    const { connected: was } = this
    const lasted = was && clock.now() - this.#connectedAt! >= LASTED
    this.#forget()
    this.#lastError = error
    if (lasted) this.#failures = 0
    const delay = Math.min(MAX_RETRY, (this.#config.retryTime ?? 1) * 1000 * 2 ** this.#failures++)
    if (was) log.warn('BMP collector lost', { collector: this.name, error })
    else log.debug('BMP collector cannot be reached', { collector: this.name, error })
    this.#cancelAttempt = clock.after(delay * (1 - random() / 4), () => this.connect())
    if (was) this.#owner.lost()
  }

  #forget(): void {
    this.#cancelAttempt?.()
    this.#cancelStalled?.()
    this.#connection = this.#connectedAt = undefined
    this.full = false
  }
}
