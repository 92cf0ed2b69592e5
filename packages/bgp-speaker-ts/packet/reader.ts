// A bounds-checked reader of a part of a byte array.

/** A read went over the reader's end. */
export class OutOfBounds extends Error {
  constructor(wanted: number, left: number) {
    super(`${wanted} bytes wanted, ${left} left`)
    this.name = 'OutOfBounds'
  }
}

export class Reader {
  bytes: Uint8Array
  offset: number
  end: number

  constructor(bytes: Uint8Array, offset = 0, end = bytes.length) {
    this.bytes = bytes
    this.offset = offset
    this.end = end
  }

  left(): number {
    return this.end - this.offset
  }

  /** Skips `count` bytes and returns their offset. @throws OutOfBounds */
  skip(count: number): number {
    const at = this.offset
    if (count > this.end - at) throw new OutOfBounds(count, this.end - at)
    this.offset = at + count
    return at
  }

  u8(): number {
    return this.bytes[this.skip(1)]!
  }

  u16(): number {
    const at = this.skip(2)
    return (this.bytes[at]! << 8) | this.bytes[at + 1]!
  }

  u32(): number {
    return readU32(this.bytes, this.skip(4))
  }

  /** Returns the next `count` bytes as a view, not a copy. */
  take(count: number): Uint8Array {
    const at = this.skip(count)
    return this.bytes.subarray(at, at + count)
  }

  /** Returns a reader of the next `count` bytes and skips them. */
  sub(count: number): Reader {
    const at = this.skip(count)
    return new Reader(this.bytes, at, at + count)
  }
}

/** Reads an unsigned number; the caller has checked the bounds. */
export function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}

export function readU16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}
