/** The keys of a table that are still to be sent: those that became dirty, and those that failed and wait for their next try. */
import type { Clock } from './clock.ts'
import { type BackoffOptions, Retries } from './retries.ts'

export interface BacklogOptions {
  readonly clock: Clock
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly backoff: BackoffOptions
}

export class Backlog<K> {
  readonly #clock: Clock
  /** Each with the clock time at which it became dirty; oldest first. */
  readonly #dirty = new Map<K, number>()
  readonly #retries: Retries<K>

  constructor({ clock, random, backoff }: BacklogOptions) {
    this.#clock = clock
    this.#retries = new Retries(clock, random, backoff)
  }

  /** How many are to be sent for the first time, or looked at. */
  get dirty(): number {
    return this.#dirty.size
  }

  /** How many failed the last time. */
  get failing(): number {
    return this.#retries.size
  }

  add(key: K): void {
    if (!this.#dirty.has(key)) this.#dirty.set(key, this.#clock.now())
  }

  /** Something else is wanted of the key: it is tried at once, however often it failed. */
  addNow(key: K): void {
    this.#retries.hasten(key)
    this.add(key)
  }

  /** Whether it is to be sent for the first time, or looked at. */
  isDirty(key: K): boolean {
    return this.#dirty.has(key)
  }

  /** Whether it failed and must not be tried yet. */
  waits(key: K): boolean {
    return this.#retries.holds(key)
  }

  /** All of them, those that wait included. */
  keys(): Iterable<K> {
    const keys = new Set(this.#dirty.keys())
    for (const [key] of this.#retries.errors()) keys.add(key)
    return keys
  }

  /** Those that may be tried now; each stays until it is taken. */
  *due(): Iterable<K> {
    this.#addDueRetries()
    for (const key of this.#dirty.keys()) {
      // A key that failed keeps its place among the retries, even when it is touched meanwhile.
      if (this.#retries.holds(key)) this.#dirty.delete(key)
      else yield key
    }
  }

  take(key: K): void {
    this.#dirty.delete(key)
  }

  /** Notes a failure and says whether it is the first one in a row. */
  failed(key: K, error: Error): boolean {
    return this.#retries.failed(key, error)
  }

  /** Lets a key that failed be tried once more at once, without forgetting that it did. */
  hasten(key: K): void {
    this.#retries.hasten(key)
  }

  /** It is as it should be; says whether it had failed. */
  settle(key: K): boolean {
    return this.#retries.settle(key)
  }

  /** What a key failed with last time. */
  errorOf(key: K): Error | undefined {
    return this.#retries.errorOf(key)
  }

  errors(): Iterable<readonly [K, Error]> {
    return this.#retries.errors()
  }

  /** Clock time of the next retry, in milliseconds; undefined when nothing waits for one. */
  nextRetry(): number | undefined {
    return this.#retries.nextDue()
  }

  /** Clock time since when the oldest dirty key is so, in milliseconds. */
  oldest(): number | undefined {
    for (const since of this.#dirty.values()) return since
    return undefined
  }

  #addDueRetries(): void {
    if (this.#retries.size === 0) return
    for (const [key] of this.#retries.errors()) if (!this.#retries.holds(key)) this.add(key)
  }
}
