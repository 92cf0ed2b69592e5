// Typed arrays that grow.

type Column = Int32Array | Uint32Array | Uint16Array | Uint8Array

/** A copy of `column` with room for `capacity` elements, new ones set to `fill`. */
export function grown<T extends Column>(column: T, capacity: number, fill = 0): T {
  const larger = new (column.constructor as new (length: number) => T)(capacity)
  larger.set(column)
  if (fill !== 0) larger.fill(fill, column.length)
  return larger
}

/** A 32-bit mix of a running hash and a value (the finalizer of MurmurHash3). */
export function mix(hash: number, value: number): number {
  let h = hash ^ value
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
