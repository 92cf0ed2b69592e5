// Merges AS_PATH and AS4_PATH of a peer with 2-byte AS numbers into one path of 4-byte numbers (RFC 6793 section 4.2.3).
import { type AsPathSummary, scanAsPath } from './as-path-scan.ts'
import { AS_TRANS, SEGMENT } from './codes.ts'
import { readU16, readU32 } from './reader.ts'
import { Writer, writeU32 } from './writer.ts'

/** Passed as the local AS number: scanAsPath then counts the AS numbers 0, which it refuses otherwise. */
const COUNT_ZEROS = 0

export class AS4Merge {
  #path: Uint8Array | undefined
  #as4Path: Uint8Array | undefined
  #aggregator: Uint8Array | undefined
  #as4Aggregator: Uint8Array | undefined
  /** Flags of the received AGGREGATOR. */
  aggregatorFlags = 0
  /** How often the local AS number occurs in an AS4_PATH that was discarded: the route has looped all the same. */
  discardedLoops = 0

  reset(): undefined {
    this.#path = this.#as4Path = this.#aggregator = this.#as4Aggregator = undefined
    this.discardedLoops = 0
  }

  /** Takes an AS_PATH of 2-byte numbers, which was checked before. */
  path(bytes: Uint8Array, at: number, length: number): undefined {
    this.#path = widen(bytes, at, length)
  }

  /** Takes an AS4_PATH. Returns false when it is malformed and discarded (RFC 6793 section 6), which includes AS number 0 (RFC 7607 section 2). */
  as4Path(
    bytes: Uint8Array,
    at: number,
    length: number,
    localAsn: number,
    otherAsn: number | undefined,
  ): boolean {
    const summary = emptySummary()
    if (!scanAsPath(bytes, at, length, 4, COUNT_ZEROS, summary)) return false
    if (summary.loops > 0) {
      const other = otherAsn === undefined ? 0 : countAs(bytes, at, length, otherAsn)
      this.discardedLoops = countAs(bytes, at, length, localAsn) + other
      return false
    }
    this.#as4Path =
      summary.confederations > 0 ? withoutConfederations(bytes, at, length) : bytes.slice(at, at + length)
    return true
  }

  aggregator(bytes: Uint8Array, at: number, flags: number): undefined {
    this.aggregatorFlags = flags
    const value = new Uint8Array(8)
    writeU32(value, 0, readU16(bytes, at))
    value.set(bytes.subarray(at + 2, at + 6), 4)
    this.#aggregator = value
  }

  /** Takes an AS4_AGGREGATOR. Returns false when it is malformed and discarded, as for AS4_PATH. */
  as4Aggregator(bytes: Uint8Array, at: number, length: number): boolean {
    if (length !== 8 || readU32(bytes, at) === 0) return false
    this.#as4Aggregator = bytes.slice(at, at + 8)
    return true
  }

  /** The AS_PATH in 4-byte numbers; undefined when there was none. */
  merged(): Uint8Array | undefined {
    if (this.#path === undefined || this.#as4Path === undefined || this.#aggregatorIsOfOldSpeaker())
      return this.#path
    const old = measure(this.#path)
    const wide = measure(this.#as4Path)
    if (wide > old) return this.#path
    return prependLeading(this.#path, old - wide, this.#as4Path)
  }

  mergedAggregator(): Uint8Array | undefined {
    if (this.#aggregator === undefined || this.#aggregatorIsOfOldSpeaker()) return this.#aggregator
    return this.#as4Aggregator ?? this.#aggregator
  }

  /** An AGGREGATOR other than AS_TRANS was set by a 2-byte speaker after the AS4 attributes, so that those are out of date (RFC 6793 section 4.2.3). */
  #aggregatorIsOfOldSpeaker(): boolean {
    const aggregator = this.#aggregator
    return (
      aggregator !== undefined && this.#as4Aggregator !== undefined && readU16(aggregator, 2) !== AS_TRANS
    )
  }
}

function widen(bytes: Uint8Array, at: number, length: number): Uint8Array {
  const writer = new Writer(length * 2)
  const end = at + length
  while (at < end) {
    const count = bytes[at + 1]!
    writer.u8(bytes[at]!)
    writer.u8(count)
    at += 2
    for (let i = 0; i < count; i++, at += 2) writer.u32(readU16(bytes, at))
  }
  return writer.copy()
}

function emptySummary(): AsPathSummary {
  return { length: 0, neighbour: 0, loops: 0, confederations: 0 }
}

/** Counts an AS number in a well-formed path of 4-byte numbers. */
function countAs(bytes: Uint8Array, start: number, length: number, asn: number): number {
  let found = 0
  for (let at = start; at < start + length; ) {
    const end = at + 2 + bytes[at + 1]! * 4
    for (at += 2; at < end; at += 4) if (readU32(bytes, at) === asn) found++
  }
  return found
}

/** Leaves out confederation segments, which may not be in AS4_PATH (RFC 6793 section 3). */
function withoutConfederations(bytes: Uint8Array, start: number, length: number): Uint8Array {
  const writer = new Writer(length)
  for (let at = start; at < start + length; ) {
    const end = at + 2 + bytes[at + 1]! * 4
    if (bytes[at] === SEGMENT.SET || bytes[at] === SEGMENT.SEQUENCE) writer.raw(bytes, at, end)
    at = end
  }
  return writer.copy()
}

/** Number of ASes, counted as for best path. */
function measure(path: Uint8Array): number {
  const summary = emptySummary()
  scanAsPath(path, 0, path.length, 4, 0, summary)
  return summary.length
}

/** Returns the first `count` ASes of `path`, with the confederation segments between them, then `tail`. */
function prependLeading(path: Uint8Array, count: number, tail: Uint8Array): Uint8Array {
  const writer = new Writer(path.length + tail.length)
  let at = 0
  while (at < path.length && count > 0) {
    const type = path[at]!
    const size = path[at + 1]!
    const sequence = type === SEGMENT.SEQUENCE
    const taken = sequence ? Math.min(size, count) : size
    writer.u8(type)
    writer.u8(taken)
    writer.raw(path, at + 2, at + 2 + taken * 4)
    count -= sequence ? taken : type === SEGMENT.SET ? 1 : 0
    at += 2 + size * 4
  }
  writer.raw(tail)
  return writer.copy()
}
