// Where the prefixes of an UPDATE are, as the benchmark's peers read it: fast, and trusting whoever sent it.
import type { IpFamily } from './bgp-scenario.ts'

const MP_REACH = 14
const MP_UNREACH = 15

/** Called with a run of NLRI: 1 announced, 0 withdrawn. */
export type OnNlri = (bytes: Uint8Array, from: number, end: number, announced: 0 | 1) => void

/** Goes through the prefixes of one family in the UPDATE whose body is [body, end). */
export function eachNlri(
  bytes: Uint8Array,
  body: number,
  end: number,
  family: IpFamily,
  onNlri: OnNlri,
): void {
  const attributes = body + 2 + u16(bytes, body)
  const nlri = attributes + 2 + u16(bytes, attributes)
  if (family === 'ipv4') {
    onNlri(bytes, body + 2, attributes, 0)
    onNlri(bytes, nlri, end, 1)
    return
  }
  for (let at = attributes + 2; at < nlri; ) {
    const wide = (bytes[at]! & 0x10) !== 0
    const type = bytes[at + 1]!
    const value = at + (wide ? 4 : 3)
    at = value + (wide ? u16(bytes, at + 2) : bytes[at + 2]!)
    if (type === MP_REACH) onNlri(bytes, value + 5 + bytes[value + 3]!, at, 1)
    else if (type === MP_UNREACH) onNlri(bytes, value + 3, at, 0)
  }
}

export function countPrefixes(bytes: Uint8Array, at: number, end: number): number {
  let count = 0
  while (at < end) {
    at += 1 + ((bytes[at]! + 7) >> 3)
    count++
  }
  return count
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}
