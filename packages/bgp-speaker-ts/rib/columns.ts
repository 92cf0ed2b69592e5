// Typed arrays that grow. Tables make theirs empty and grow them before they are used: a field that is written for the second time only when there is
// work would cost what was compiled for it until then, as a compiler takes such a field for a constant.

type Column = Int32Array | Uint32Array | Uint16Array | Uint8Array

/**
 * A copy of `column` with room for `capacity` elements; new ones are zero, and take no memory before they are written.
 * The old one is given back now, and not when garbage is collected: whoever still refers to it finds it empty.
 */
export function grown<T extends Column>(column: T, capacity: number): T {
  const larger = new (column.constructor as new (length: number) => T)(capacity)
  larger.set(column)
  release(column)
  return larger
}

/** Gives a column's memory back. */
export function release(column: Column): void {
  ;(column.buffer as ArrayBuffer).transfer(0)
}

export const NO_IDS = new Int32Array(0)

/** Ids that wait for something. The last ones come first. */
export class IdStack {
  #ids = new Int32Array(0)
  length = 0

  constructor() {
    this.#clear()
  }

  push(id: number): void {
    if (this.length === this.#ids.length) this.#ids = grown(this.#ids, this.length * 2)
    this.#ids[this.length++] = id
  }

  /** Takes at most so many off. */
  take(most: number): Int32Array {
    const from = Math.max(0, this.length - most)
    const taken = this.#ids.slice(from, this.length)
    this.length = from
    if (from === 0 && this.#ids.length > LARGE) this.#clear()
    return taken
  }

  #clear(): void {
    release(this.#ids)
    this.#ids = new Int32Array(64)
  }
}

/** Elements of a stack that are kept although it is empty. */
const LARGE = 1 << 14

/** A 32-bit mix of a running hash and a value (the finalizer of MurmurHash3). */
export function mix(hash: number, value: number): number {
  let h = hash ^ value
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
