// Typed arrays that grow. Tables create their columns empty and grow them at once, because V8 treats a field as a constant until its second write:
// a first growth under load would throw away the code that was compiled until then.

type Column = Int32Array | Uint32Array | Uint16Array | Uint8Array

/**
 * Returns a copy of `column` with `capacity` elements. New elements are zero and take no memory before they are written.
 * The memory of the old column is released at once, without garbage collection: remaining references see an empty array.
 */
export function grown<T extends Column>(column: T, capacity: number): T {
  const larger = new (column.constructor as new (length: number) => T)(capacity)
  larger.set(column)
  release(column)
  return larger
}

/** Releases a column's memory at once. */
export function release(column: Column): void {
  ;(column.buffer as ArrayBuffer).transfer(0)
}

export const NO_IDS = new Int32Array(0)

/** A stack of ids that wait for work: last in, first out. */
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

  /** Removes and returns at most `most` ids. */
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

/** An empty stack with more elements than this releases its memory. */
const LARGE = 1 << 14

/** Mixes a value into a 32-bit hash (the finalizer of MurmurHash3). */
export function mix(hash: number, value: number): number {
  let h = hash ^ value
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
