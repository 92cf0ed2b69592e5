// The TCP connections of one peer: at most two until collision detection closes one, newcomers that are not known to be the peer's yet, and closed ones that still send their last bytes.

import type { Opens } from '../../bmp/observer.ts'
import type { Clock } from '../../clock.ts'
import { HEADER_LENGTH } from '../../packet/codes.ts'
import { Framer } from '../../packet/header.ts'
import type { Connection, ConnectionHandlers } from '../../transport.ts'
import type { Side } from '../fsm/fsm-state.ts'

/** The owner of the connections, told of their events. */
export interface WireOwner {
  connected(): void
  /** `age`: milliseconds since the last of the bytes arrived, at most. */
  received(wire: Wire, bytes: Uint8Array, age: number): void
  drained(): void
  /** The other end closed it, or it could not be opened. */
  lost(wire: Wire, error: Error | undefined): void
}

/** A connection with its framer and byte counts. It implements the handlers itself, because four closures for each of thousands of connections cost more memory. */
export class Wire implements ConnectionHandlers {
  /** A newcomer's number becomes `incoming`. */
  side: Side
  readonly connection: Connection
  readonly framer = new Framer()
  open = true
  /** Bytes handed to the connection. */
  written = 0
  /** Some of them may not have been sent yet. */
  #unsent = false
  /** The clock's time of the last write. */
  sentAt = 0
  /** The clock's time after which something was received; of a KEEPALIVE that waited it is not known more exactly. */
  receivedAt = 0
  /** The clock's time at which nothing waited. */
  #lookedAt = 0
  /** Kept where BMP shows them only. */
  opens: Opens | undefined
  /** Bytes from which on what is received wakes us up; 0: the transport delivers everything at once. */
  #lowWater = 1
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
    this.#unsent = true
  }

  /** Bytes that wait to be sent. Of a connection on which nothing is sent that costs nothing to know. */
  get pending(): number {
    if (!this.#unsent) return 0
    const pending = this.connection.pendingBytes()
    this.#unsent = pending > 0
    return pending
  }

  onConnect(): void {
    if (this.open) this.#owner.connected()
  }

  onData(bytes: Uint8Array): void {
    if (!this.open) return
    this.#owner.received(this, bytes, 0)
    // The rest of a message may be shorter than any message.
    if (this.#lowWater > 1 && this.framer.partial) this.#setLowWater(1)
  }

  /**
   * Takes the KEEPALIVE that waits, and lets the next one wait: it is the only message this short, and says nothing that is not also
   * seen later. One wake-up for each of thousands of peers is most of what an idle speaker does.
   */
  collectKeepalive(now: number): void {
    if (this.#lowWater > 1) {
      const count = this.connection.take(waiting)
      // It came after we last looked; the kernel knows when, and is asked only where that matters.
      if (count > 0) this.#owner.received(this, waiting.subarray(0, count), now - this.#lookedAt)
    }
    this.#lookedAt = now
    if (this.open && this.#lowWater > 0) this.#setLowWater(this.framer.partial ? 1 : HEADER_LENGTH + 1)
  }

  /** The clock's time at which something was last received: no later, and exact where the hold time since what is known is over. @param hold milliseconds; 0: none */
  heardAt(now: number, hold: number): number {
    if (hold > 0 && this.#lowWater > 1 && now >= this.receivedAt + hold)
      this.receivedAt = Math.max(this.receivedAt, now - this.connection.quietFor())
    return this.receivedAt
  }

  #setLowWater(bytes: number): void {
    if (bytes === this.#lowWater) return
    this.#lowWater = this.connection.setLowWater(bytes) ? bytes : 0
  }

  onDrain(): void {
    this.#owner.drained()
  }

  onClose(error: Error | undefined): void {
    if (this.open) this.#owner.lost(this, error)
  }
}

/** One for all connections: nothing of a KEEPALIVE is kept, and the framer copies the begin of another message. */
const waiting = new Uint8Array(HEADER_LENGTH)

/** Milliseconds in which a closed connection may send its queued bytes; then it is cut. */
const LINGER = 1000

export const ignoreAll: ConnectionHandlers = { onConnect() {}, onData() {}, onDrain() {}, onClose() {} }

export class Wires {
  outgoing: Wire | undefined
  incoming: Wire | undefined
  readonly #clock: Clock
  /** Nearly always absent. */
  #newcomers: Map<number, Wire> | undefined
  #closing: Set<Promise<void>> | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  open(side: Side, connection: Connection, owner: WireOwner): void {
    const wire = new Wire(side, connection, owner)
    this.#set(side, wire)
    connection.handle(wire)
  }

  get(side: Side): Wire | undefined {
    return typeof side === 'number' ? this.#newcomers?.get(side) : this[side]
  }

  /** All that are open. */
  *all(): Iterable<Wire> {
    if (this.outgoing !== undefined) yield this.outgoing
    if (this.incoming !== undefined) yield this.incoming
    yield* this.#newcomers?.values() ?? []
  }

  /** A newcomer is the incoming connection from now on. */
  promote(newcomer: number): void {
    const wire = this.get(newcomer)
    if (wire === undefined) return
    this.#set(newcomer, undefined)
    wire.side = 'incoming'
    this.incoming = wire
  }

  /** The other end closed it. */
  closed(wire: Wire): void {
    wire.open = false
    if (this.get(wire.side) === wire) this.#set(wire.side, undefined)
  }

  /** Sends what is queued, then closes. */
  close(side: Side): void {
    const wire = this.get(side)
    if (wire === undefined) return
    this.closed(wire)
    this.#linger(wire.connection)
  }

  /** Sends `last` on an unwanted connection and closes it. */
  refuse(connection: Connection, last: Uint8Array): void {
    connection.handle(ignoreAll)
    connection.write(last)
    this.#linger(connection)
  }

  /** Cuts all connections without a NOTIFICATION. */
  destroy(): void {
    for (const wire of [...this.all()]) {
      this.closed(wire)
      wire.connection.destroy()
    }
  }

  /** Resolves when every closed connection is gone. */
  async drained(): Promise<void> {
    await Promise.all(this.#closing ?? [])
  }

  #set(side: Side, wire: Wire | undefined): void {
    if (typeof side !== 'number') this[side] = wire
    else if (wire !== undefined) this.#newcomers = new Map(this.#newcomers).set(side, wire)
    else if (this.#newcomers?.delete(side) === true && this.#newcomers.size === 0) this.#newcomers = undefined
  }

  /** Ends the connection, and cuts it after LINGER: a silent peer may never acknowledge the queued bytes. */
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
