// Time as an input: what the speaker needs of a clock, and the real one.

/** Milliseconds throughout. `now` is monotonic and has no fixed origin. */
export interface Clock {
  now(): number
  /** Calls `run` once after `delay` ms; the result cancels it. */
  after(delay: number, run: () => void): () => void
  /** Calls `run` once when the current turn of the event loop is done; the result cancels it. */
  soon(run: () => void): () => void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after(delay, run) {
    const timer = setTimeout(run, delay)
    return () => clearTimeout(timer)
  },
  soon(run) {
    const immediate = setImmediate(run)
    return () => clearImmediate(immediate)
  },
}
