/** Time as an input: what the tables and the flush order need of it. */

export interface Clock {
  /** Milliseconds of a clock that never goes back. */
  now(): number
  /** Calls `action` once, `milliseconds` from now, unless disposed of before. */
  after(milliseconds: number, action: () => void): Disposable
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after(milliseconds, action) {
    const timer = setTimeout(action, milliseconds)
    return { [Symbol.dispose]: () => clearTimeout(timer) }
  },
}
