// The send hold timer (RFC 9687): finds a peer that has stopped reading what we send.

/** Milliseconds. The timer runs for at least eight minutes and at least twice the hold time (RFC 9687 section 3.1). */
const MIN_HOLD = 480_000

/** Exists while bytes wait to be sent. */
export class SendHold {
  readonly #limit: number
  /** The number of bytes sent as of the last call, and the clock's time at which it last grew. */
  #left = -1
  #since = 0

  /** @param hold negotiated hold time in milliseconds; 0 turns the timer off */
  constructor(hold: number) {
    this.#limit = hold === 0 ? Number.POSITIVE_INFINITY : Math.max(MIN_HOLD, 2 * hold)
  }

  /** Returns true when no byte has been sent for too long. @param left the number of bytes sent so far */
  expired(left: number, now: number): boolean {
    if (left !== this.#left) {
      this.#left = left
      this.#since = now
    }
    return now - this.#since > this.#limit
  }
}
