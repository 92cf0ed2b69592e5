/** Keys that failed, each with its own capped exponential backoff. */
import type { Clock } from './clock.ts'

export interface BackoffOptions {
  /** First delay, in milliseconds. */
  readonly base: number
  /** Longest delay, in milliseconds. */
  readonly cap: number
}

export const DEFAULT_BACKOFF: BackoffOptions = { base: 100, cap: 30_000 }

/** Delay before attempt number `attempt` (1 = the first retry): doubled each time, capped, then jittered down to half of it. */
export function backoffDelay(attempt: number, random: () => number, options: BackoffOptions): number {
  const full = Math.min(options.cap, options.base * 2 ** Math.min(attempt - 1, 30))
  return full / 2 + (full / 2) * random()
}

interface Waiting {
  readonly attempt: number
  /** Clock time of the next attempt, in milliseconds. */
  readonly due: number
  readonly error: Error
}

export class Retries<K> {
  readonly #waiting = new Map<K, Waiting>()
  readonly #clock: Clock
  readonly #random: () => number
  readonly #backoff: BackoffOptions

  constructor(clock: Clock, random: () => number, backoff: BackoffOptions) {
    this.#clock = clock
    this.#random = random
    this.#backoff = backoff
  }

  /** Notes a failure and says whether it is the first one in a row. */
  failed(key: K, error: Error): boolean {
    const attempt = (this.#waiting.get(key)?.attempt ?? 0) + 1
    const due = this.#clock.now() + backoffDelay(attempt, this.#random, this.#backoff)
    this.#waiting.set(key, { attempt, due, error })
    return attempt === 1
  }

  /** Forgets the failures of a key; says whether there were any. */
  settle(key: K): boolean {
    return this.#waiting.delete(key)
  }

  /** Whether this key must not be tried yet. */
  holds(key: K): boolean {
    const waiting = this.#waiting.get(key)
    return waiting !== undefined && waiting.due > this.#clock.now()
  }

  /** Lets a key be tried at once, without forgetting how often it failed. */
  hasten(key: K): void {
    const waiting = this.#waiting.get(key)
    if (waiting) this.#waiting.set(key, { ...waiting, due: this.#clock.now() })
  }

  /** Clock time of the earliest attempt, in milliseconds; undefined when nothing waits. */
  nextDue(): number | undefined {
    let next: number | undefined
    for (const { due } of this.#waiting.values()) if (next === undefined || due < next) next = due
    return next
  }

  /** What a key failed with last time. */
  errorOf(key: K): Error | undefined {
    return this.#waiting.get(key)?.error
  }

  *errors(): Iterable<readonly [K, Error]> {
    for (const [key, { error }] of this.#waiting) yield [key, error]
  }

  get size(): number {
    return this.#waiting.size
  }
}
