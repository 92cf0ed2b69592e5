// The send hold timer (RFC 9687): ends a session whose peer has stopped to take what we send.

/** Milliseconds. RFC 9687 section 3.1: at least eight minutes, at least twice the hold time. */
const LEAST = 480_000

/** Runs while bytes wait to be sent. */
export class SendHold {
  readonly #limit: number
  /** How many bytes had left at the last look, and when that number last grew. */
  #left = -1
  #since = 0

  /** `hold`: the negotiated hold time in milliseconds; 0 turns the timer off. */
  constructor(hold: number) {
    this.#limit = hold === 0 ? Number.POSITIVE_INFINITY : Math.max(LEAST, 2 * hold)
  }

  /** `left`: how many bytes have left by now; true when bytes have waited for too long without one of them leaving. */
  expired(left: number, now: number): boolean {
    if (left !== this.#left) {
      this.#left = left
      this.#since = now
    }
    return now - this.#since > this.#limit
  }
}
