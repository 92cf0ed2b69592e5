/** Blocks of addresses as ranges that neither overlap nor touch: nft refuses elements that do. Pure. */
import { type Family, formatAddress, width } from '@podroute/address/address.ts'
import type { Cidr } from '@podroute/address/cidr.ts'

/** From the first to the last number, both included. */
export interface Range<N extends number | bigint> {
  readonly first: N
  readonly last: N
}

export interface Block {
  readonly cidr: Cidr
  readonly except: readonly Cidr[]
}

/** All that is in one of the ranges, in order. @param after the next number */
export function union<N extends number | bigint>(
  ranges: readonly Range<N>[],
  after: (number: N) => N,
): Range<N>[] {
  const sorted = ranges.toSorted((a, b) => (a.first < b.first ? -1 : Number(a.first > b.first)))
  const merged: { first: N; last: N }[] = []
  for (const { first, last } of sorted) {
    const previous = merged.at(-1)
    if (previous === undefined || first > after(previous.last)) merged.push({ first, last })
    else if (last > previous.last) previous.last = last
  }
  return merged
}

/**
 * The addresses of one family that lie in one of the blocks and not in an exception of that block.
 * @returns nft syntax, in order: an address, a prefix, or `first-last`; `all` where it is every address
 */
export function blockTexts(blocks: readonly Block[], family: Family): readonly string[] | 'all' {
  const ranges = blocks
    .filter(({ cidr }) => cidr.family === family)
    .flatMap(({ cidr, except }) =>
      subtract(rangeOf(cidr), except.filter((exception) => exception.family === family).map(rangeOf)),
    )
  const merged = union(ranges, nextAddress)
  const [only] = merged
  const end = (1n << BigInt(width(family))) - 1n
  if (merged.length === 1 && only!.first === 0n && only!.last === end) return 'all'
  return merged.map((range) => rangeText(range, family))
}

function subtract(whole: Range<bigint>, holes: readonly Range<bigint>[]): Range<bigint>[] {
  const left: Range<bigint>[] = []
  let { first } = whole
  for (const hole of union(holes, nextAddress)) {
    if (hole.last < first || hole.first > whole.last) continue
    if (hole.first > first) left.push({ first, last: hole.first - 1n })
    first = hole.last + 1n
  }
  return first > whole.last ? left : [...left, { first, last: whole.last }]
}

const nextAddress = (number: bigint) => number + 1n

function rangeOf({ family, bytes, length }: Cidr): Range<bigint> {
  const first = bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n)
  return { first, last: first | ((1n << BigInt(width(family) - length)) - 1n) }
}

/** As nft lists it: a prefix where it is one. */
function rangeText({ first, last }: Range<bigint>, family: Family): string {
  if (first === last) return addressText(first, family)
  const size = last - first + 1n
  const isPrefix = (size & (size - 1n)) === 0n && first % size === 0n
  if (!isPrefix) return `${addressText(first, family)}-${addressText(last, family)}`
  return `${addressText(first, family)}/${width(family) - (size.toString(2).length - 1)}`
}

function addressText(number: bigint, family: Family): string {
  const bytes = new Uint8Array(width(family) / 8)
  let rest = number
  for (let index = bytes.length - 1; index >= 0; index--) {
    bytes[index] = Number(rest & 255n)
    rest >>= 8n
  }
  return formatAddress(bytes)
}
