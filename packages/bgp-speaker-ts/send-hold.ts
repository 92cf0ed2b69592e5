// The send hold timer (RFC 9687): ends a session whose peer has stopped to take what we send.
import type { Wire } from './wire.ts'

/** Milliseconds. RFC 9687 section 3.1: at least eight minutes, at least twice the hold time. */
const LEAST = 480_000

export class SendHold {
  readonly #limit: number
  /** How many bytes had left at the last look, and when that number last grew. */
  #left = 0
  #since: number

  /** `hold`: the negotiated hold time in milliseconds; 0 turns the timer off. */
  constructor(hold: number, now: number) {
    this.#limit = hold === 0 ? Number.POSITIVE_INFINITY : Math.max(LEAST, 2 * hold)
    this.#since = now
  }

  /** Looks at the wire; true when bytes have waited for too long without one of them leaving. */
  expired(wire: Wire, now: number): boolean {
    const pending = wire.connection.pendingBytes()
    const left = wire.written - pending
    if (pending === 0 || left !== this.#left) {
      this.#left = left
      this.#since = now
    }
    return now - this.#since > this.#limit
  }
}
