// Seeded random numbers (xorshift32), so that a failure can be repeated.

export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1
  }

  /** 0 <= result < below */
  below(below: number): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x >>> 0
    return this.#state % below
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }
}
