/** Keys that are to be planned again, and since when the oldest of them waits. */
import type { Clock } from './clock.ts'

export interface DirtyKeysOptions<K> {
  readonly clock: Clock
  /** Is taken before all others. */
  readonly first?: K | undefined
}

export class DirtyKeys<K extends string> {
  readonly #clock: Clock
  readonly #first: K | undefined
  readonly #keys = new Set<K>()
  #waitingSince: number | undefined
  #underWaySince: number | undefined

  constructor(options: DirtyKeysOptions<K>) {
    this.#clock = options.clock
    this.#first = options.first
  }

  get size(): number {
    return this.#keys.size
  }

  has(key: K): boolean {
    return this.#keys.has(key)
  }

  add(key: K): void {
    this.#keys.add(key)
    this.#waitingSince ??= this.#clock.now()
  }

  /** Takes at most so many keys, oldest first; they are under way until `done`. */
  take(most: number): K[] {
    const keys: K[] = []
    if (this.#first !== undefined && this.#keys.has(this.#first)) keys.push(this.#first)
    for (const key of this.#keys) {
      if (keys.length >= most) break
      if (key !== this.#first) keys.push(key)
    }
    for (const key of keys) this.#keys.delete(key)
    // What an earlier round took and did not finish is still under way.
    this.#underWaySince ??= this.#waitingSince
    this.#waitingSince = this.#keys.size > 0 ? this.#waitingSince : undefined
    return keys
  }

  /** What was taken has reached its place, or waits in a table. */
  done(): void {
    this.#underWaySince = undefined
  }

  /** Clock time since when the oldest key waits, those under way included, in milliseconds; undefined when none does. */
  oldest(): number | undefined {
    return this.#underWaySince ?? this.#waitingSince
  }
}
