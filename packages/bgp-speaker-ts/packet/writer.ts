// A growing byte array for encoding messages.

export class Writer {
  bytes: Uint8Array
  length = 0

  constructor(capacity = 256) {
    this.bytes = new Uint8Array(capacity)
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.length + count
    if (needed <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2))
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
  }

  u8(value: number): void {
    this.reserve(1)
    this.bytes[this.length++] = value
  }

  u16(value: number): void {
    this.reserve(2)
    this.bytes[this.length++] = value >>> 8
    this.bytes[this.length++] = value
  }

  u32(value: number): void {
    this.reserve(4)
    writeU32(this.bytes, this.length, value)
    this.length += 4
  }

  u32All(values: readonly number[]): void {
    for (const value of values) this.u32(value)
  }

  raw(source: Uint8Array, start = 0, end = source.length): void {
    const count = end - start
    this.reserve(count)
    const { bytes, length } = this
    // Short copies are faster in a loop than through subarray().
    if (count <= 48) for (let i = 0; i < count; i++) bytes[length + i] = source[start + i]!
    else bytes.set(source.subarray(start, end), length)
    this.length = length + count
  }

  /** Overwrites two bytes that were written before. */
  patchU16(at: number, value: number): void {
    this.bytes[at] = value >>> 8
    this.bytes[at + 1] = value
  }

  /** Returns a copy of the written bytes from `start` on. */
  copy(start = 0): Uint8Array {
    return this.bytes.slice(start, this.length)
  }
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}
