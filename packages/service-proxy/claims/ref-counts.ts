/** Things that several owners use: there from the first to the last of them. */

export class RefCounts<K, V> {
  readonly #counts = new Map<K, number>()
  readonly #appear: (key: K, value: V) => void
  readonly #vanish: (key: K) => void

  constructor(appear: (key: K, value: V) => void, vanish: (key: K) => void) {
    this.#appear = appear
    this.#vanish = vanish
  }

  take(key: K, value: V): void {
    const count = this.#counts.get(key) ?? 0
    this.#counts.set(key, count + 1)
    if (count === 0) this.#appear(key, value)
  }

  release(key: K): void {
    const count = this.#counts.get(key) ?? 0
    if (count > 1) this.#counts.set(key, count - 1)
    else if (this.#counts.delete(key)) this.#vanish(key)
  }

  keys(): Iterable<K> {
    return this.#counts.keys()
  }
}
