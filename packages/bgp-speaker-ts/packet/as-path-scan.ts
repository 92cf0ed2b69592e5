// Checks an AS_PATH in place and collects the values that best path and loop detection need.
import { SEGMENT } from './codes.ts'
import { readU16, readU32 } from './reader.ts'

export interface AsPathSummary {
  /** Length as in RFC 4271 section 9.1.2.2: a set counts 1, confederation segments count 0 (RFC 5065 section 5.3). */
  length: number
  /** First AS number of the path; 0 when it is empty or starts with a set. */
  neighbour: number
  /** How often one of the local AS numbers occurs. */
  loops: number
  /** Number of confederation segments (RFC 5065). */
  confederations: number
}

//  | Segment type (1) | Number of ASes (1) | ASes (2 or 4 bytes each) | ...

/** Returns false when the path is malformed (RFC 7606 section 7.2): an unknown segment type, an empty segment, one that is cut short, or AS number 0 (RFC 7607). */
export function scanAsPath(
  bytes: Uint8Array,
  at: number,
  length: number,
  width: 2 | 4,
  localAsn: number,
  summary: AsPathSummary,
  otherAsn = localAsn,
): boolean {
  const end = at + length
  let first = true
  summary.length = summary.neighbour = summary.loops = summary.confederations = 0
  while (at < end) {
    if (end - at < 2) return false
    const type = bytes[at]!
    const count = bytes[at + 1]!
    at += 2
    if (type < 1 || type > 4 || count === 0 || count * width > end - at) return false
    if (type === SEGMENT.SEQUENCE) summary.length += count
    else if (type === SEGMENT.SET) summary.length++
    else summary.confederations++
    if (first && type === SEGMENT.SEQUENCE)
      summary.neighbour = width === 4 ? readU32(bytes, at) : readU16(bytes, at)
    // Confederation segments are skipped: the neighbouring AS is the first one outside the confederation.
    if (type === SEGMENT.SEQUENCE || type === SEGMENT.SET) first = false
    for (let i = 0; i < count; i++, at += width) {
      const asn = width === 4 ? readU32(bytes, at) : readU16(bytes, at)
      if (asn === localAsn || asn === otherAsn) summary.loops++
      else if (asn === 0) return false
    }
  }
  return true
}
