// Ranges of addresses to give out: completed, checked, and walked round robin.

import { failure } from '../errors.ts'
import {
  type Address,
  compareAddresses,
  contains,
  formatAddress,
  formatPrefix,
  isV4,
  lastOf,
  networkOf,
  nextAddress,
  type Prefix,
  sameAddress,
} from '../protocol/address.ts'
import type { Fields } from '../protocol/fields.ts'
import { addressField, prefixField } from '../protocol/result.ts'

/** Both ends inclusive. */
export interface Range {
  readonly subnet: Prefix
  readonly start: Address
  readonly end: Address
  readonly gateway: Address
}

/** Ranges of one family that are used one after the other; one address comes from each set. */
export type RangeSet = readonly Range[]

const formatRange = (range: Range) => `${formatAddress(range.start)}-${formatAddress(range.end)}`

export const formatRangeSet = (set: RangeSet) => set.map(formatRange).join(',')

/** The last address to give out by default: never IPv4's broadcast. */
function lastUsable(subnet: Prefix): Address {
  const last = lastOf(subnet)
  if (isV4(last)) last[3] = last[3]! - 1
  return last
}

function checkSubnet(subnet: Prefix): void {
  if (subnet.length > subnet.address.length * 8 - 2)
    throw failure(`Network ${formatPrefix(subnet)} too small to allocate from`)
  const network = networkOf(subnet)
  if (!sameAddress(network, subnet.address))
    throw failure(
      `Network has host bits set. For a subnet mask of length ${subnet.length} the network address is ${formatAddress(network)}`,
    )
}

function boundField(fields: Fields, name: 'rangeStart' | 'rangeEnd', subnet: Prefix): Address | undefined {
  const address = addressField(fields, name)
  if (address !== undefined && !contains(subnet, address))
    throw failure(
      `${name === 'rangeStart' ? 'RangeStart' : 'RangeEnd'} ${formatAddress(address)} not in network ${formatPrefix(subnet)}`,
    )
  return address
}

/** Reads one range and fills in what it leaves out: start and gateway .1, end the last usable address. */
function readRange(fields: Fields): Range {
  const subnet = prefixField(fields, 'subnet')
  checkSubnet(subnet)
  const first = nextAddress(subnet.address)
  const start = boundField(fields, 'rangeStart', subnet) ?? first
  const end = boundField(fields, 'rangeEnd', subnet) ?? lastUsable(subnet)
  if (compareAddresses(start, end) > 0)
    throw failure(
      `RangeStart ${formatAddress(start)} is after RangeEnd ${formatAddress(end)} in network ${formatPrefix(subnet)}`,
    )
  return { subnet, start, end, gateway: addressField(fields, 'gateway') ?? first }
}

function rangeContains(range: Range, address: Address): boolean {
  return (
    contains(range.subnet, address) &&
    compareAddresses(address, range.start) >= 0 &&
    compareAddresses(address, range.end) <= 0
  )
}

export const rangeFor = (set: RangeSet, address: Address): Range | undefined =>
  set.find((range) => rangeContains(range, address))

const rangesOverlap = (a: Range, b: Range) =>
  a.start.length === b.start.length &&
  compareAddresses(a.start, b.end) <= 0 &&
  compareAddresses(b.start, a.end) <= 0

const setsOverlap = (a: RangeSet, b: RangeSet) => a.some((x) => b.some((y) => rangesOverlap(x, y)))

/** Reads a set: one family, no overlaps. */
export function readRangeSet(items: readonly Fields[], index: number): RangeSet {
  if (items.length === 0) throw failure(`invalid range set ${index}: empty range set`)
  const set = items.map(readRange)
  set.forEach((range, i) => {
    if (range.start.length !== set[0]!.start.length)
      throw failure(`invalid range set ${index}: mixed address families`)
    const other = set.slice(i + 1).find((later) => rangesOverlap(range, later))
    if (other !== undefined)
      throw failure(
        `invalid range set ${index}: subnets ${formatRange(range)} and ${formatRange(other)} overlap`,
      )
  })
  return set
}

/** For what gives out addresses: DEL must give back those of a range that releases before have let through. */
export function checkGateways(sets: readonly RangeSet[]): void {
  for (const { subnet, gateway } of sets.flat())
    if (!contains(subnet, gateway))
      throw failure(`gateway ${formatAddress(gateway)} not in network ${formatPrefix(subnet)}`)
}

export function checkDisjoint(sets: readonly RangeSet[]): void {
  sets.forEach((set, i) => {
    const j = sets.findIndex((other, index) => index > i && setsOverlap(set, other))
    if (j >= 0) throw failure(`range set ${i} overlaps with ${j}`)
  })
}

export interface Candidate {
  readonly address: Address
  readonly range: Range
}

interface Segment {
  readonly range: Range
  readonly from: Address
  readonly until: Address
}

const whole = (range: Range): Segment => ({ range, from: range.start, until: range.end })

/** The set as a ring that begins behind `last`, or at its beginning when `last` is not in it. */
function segments(set: RangeSet, last: Address | undefined): Segment[] {
  const at = last === undefined ? -1 : set.findIndex((range) => rangeContains(range, last))
  const range = set[at]
  if (last === undefined || range === undefined) return set.map(whole)
  const others = [...set.slice(at + 1), ...set.slice(0, at)].map(whole)
  if (sameAddress(last, range.end)) return [...others, whole(range)]
  const before = { range, from: range.start, until: last }
  return [{ range, from: nextAddress(last), until: range.end }, ...others, before]
}

/** Every address of the set once, round robin from the one after `last`; gateways are left out. */
export function* candidates(set: RangeSet, last: Address | undefined): Generator<Candidate> {
  for (const { range, from, until } of segments(set, last)) {
    for (let address = from; ; address = nextAddress(address)) {
      if (!sameAddress(address, range.gateway)) yield { address, range }
      if (sameAddress(address, until)) break
    }
  }
}
