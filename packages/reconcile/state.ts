/**
 * What we want and what was acknowledged, by key. Nearly always both are the same, so that what is acknowledged is kept only
 * where it differs: of 100,000 keys that are in place this is a third of the memory.
 */

export class State<K, V> {
  readonly #equal: (a: V, b: V) => boolean
  readonly #desired = new Map<K, V>()
  /** Wanted keys of which nothing is acknowledged. */
  readonly #missing = new Set<K>()
  /** What is acknowledged under keys that nobody wants, or that want something else. */
  readonly #differing = new Map<K, V>()

  constructor(equal: (a: V, b: V) => boolean) {
    this.#equal = equal
  }

  get desired(): ReadonlyMap<K, V> {
    return this.#desired
  }

  acknowledged(key: K): V | undefined {
    return this.#differing.get(key) ?? (this.#missing.has(key) ? undefined : this.#desired.get(key))
  }

  /** How many keys something is acknowledged of. */
  get acknowledgedSize(): number {
    let unwanted = 0
    for (const key of this.#differing.keys()) if (!this.#desired.has(key)) unwanted++
    return this.#desired.size - this.#missing.size + unwanted
  }

  *acknowledgedKeys(): Iterable<K> {
    for (const key of this.#desired.keys()) if (!this.#missing.has(key)) yield key
    for (const key of this.#differing.keys()) if (!this.#desired.has(key)) yield key
  }

  /** What is acknowledged, but wanted by nobody. */
  unwanted(): (readonly [K, V])[] {
    return [...this.#differing].filter(([key]) => !this.#desired.has(key))
  }

  /** Returns whether something else was wanted before. */
  want(key: K, value: V): boolean {
    const before = this.#desired.get(key)
    if (before === undefined && !this.#differing.has(key)) {
      // What is new, here and there: by far the most.
      this.#desired.set(key, value)
      this.#missing.add(key)
      return true
    }
    if (before !== undefined && this.#equal(before, value)) return false
    const there = this.acknowledged(key)
    this.#desired.set(key, value)
    this.acknowledge(key, there)
    return true
  }

  /** Returns whether it was wanted before. */
  unwant(key: K): boolean {
    const there = this.acknowledged(key)
    const known = this.#desired.delete(key)
    this.acknowledge(key, there)
    return known
  }

  /** Wants nothing any more. */
  unwantAll(): void {
    for (const key of [...this.#desired.keys()]) this.unwant(key)
  }

  /** Undefined: it is known to be gone. */
  acknowledge(key: K, value: V | undefined): void {
    const desired = this.#desired.get(key)
    if (value !== undefined) {
      this.#missing.delete(key)
      if (desired !== undefined && this.#equal(desired, value)) this.#differing.delete(key)
      else this.#differing.set(key, value)
      return
    }
    this.#differing.delete(key)
    if (desired === undefined) this.#missing.delete(key)
    else this.#missing.add(key)
  }

  /** Nothing is known of what is there. */
  forgetAcknowledged(): void {
    this.#differing.clear()
    for (const key of this.#desired.keys()) this.#missing.add(key)
  }
}
