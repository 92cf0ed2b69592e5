// The TCP connections of one peer: at most two until collision detection leaves one, and those that are on their way out.
import type { Clock } from '../../clock.ts'
import { Framer } from '../../packet/header.ts'
import type { Connection, ConnectionHandlers } from '../../transport.ts'
import type { Side } from '../fsm/fsm-state.ts'

/** Whose connections they are. */
export interface WireOwner {
  connected(): void
  received(wire: Wire, bytes: Uint8Array): void
  drained(): void
  /** The other end closed it, or it could not be opened. */
  lost(wire: Wire, error: Error | undefined): void
}

/** A connection with what was read of it so far. It hears of that itself: there may be thousands, and closures cost more. */
export class Wire implements ConnectionHandlers {
  readonly side: Side
  readonly connection: Connection
  readonly framer = new Framer()
  open = true
  /** Bytes handed to the connection. */
  written = 0
  /** When something was last written and read. */
  sentAt = 0
  receivedAt = 0
  readonly #owner: WireOwner

  constructor(side: Side, connection: Connection, owner: WireOwner) {
    this.side = side
    this.connection = connection
    this.#owner = owner
  }

  write(bytes: Uint8Array, now: number): void {
    this.sentAt = now
    this.written += bytes.length
    this.connection.write(bytes)
  }

  onConnect(): void {
    if (this.open) this.#owner.connected()
  }

  onData(bytes: Uint8Array): void {
    if (this.open) this.#owner.received(this, bytes)
  }

  onDrain(): void {
    this.#owner.drained()
  }

  onClose(error: Error | undefined): void {
    if (this.open) this.#owner.lost(this, error)
  }
}

/** Milliseconds that a connection has to send what is left before it is cut. */
const LINGER = 1000

export const ignoreAll: ConnectionHandlers = { onConnect() {}, onData() {}, onDrain() {}, onClose() {} }

export class Wires {
  outgoing: Wire | undefined
  incoming: Wire | undefined
  readonly #clock: Clock
  #closing: Set<Promise<void>> | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  open(side: Side, connection: Connection, owner: WireOwner): void {
    const wire = new Wire(side, connection, owner)
    this[side] = wire
    connection.handle(wire)
  }

  /** The other end closed it. */
  closed(wire: Wire): void {
    wire.open = false
    if (this[wire.side] === wire) this[wire.side] = undefined
  }

  /** Sends what is queued, then closes. */
  close(side: Side): void {
    const wire = this[side]
    if (wire === undefined) return
    this.closed(wire)
    this.#linger(wire.connection)
  }

  /** Answers a connection that is not wanted with `last`, and closes it. */
  refuse(connection: Connection, last: Uint8Array): void {
    connection.handle(ignoreAll)
    connection.write(last)
    this.#linger(connection)
  }

  /** Cuts all without a word. */
  destroy(): void {
    for (const wire of [this.outgoing, this.incoming]) {
      if (wire === undefined) continue
      this.closed(wire)
      wire.connection.destroy()
    }
  }

  /** Resolves when all that was closed here is closed. */
  async drained(): Promise<void> {
    await Promise.all(this.#closing ?? [])
  }

  /** Cuts the connection when sending what is queued takes too long. */
  #linger(connection: Connection): void {
    const closed = new Promise<void>((resolve) => {
      const cancel = this.#clock.after(LINGER, () => connection.destroy())
      connection.handle({
        ...ignoreAll,
        onClose: () => {
          cancel()
          resolve()
        },
      })
    })
    this.#closing ??= new Set()
    this.#closing.add(closed)
    void closed.then(() => this.#closing?.delete(closed))
    connection.end()
  }
}
