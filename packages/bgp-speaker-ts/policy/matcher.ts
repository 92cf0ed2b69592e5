// Compiles a rule's conditions for fast matching.
import { contains, containsAt, type Prefix, parseAddressOrPrefix, parsePrefix } from '../address.ts'
import type { Family } from '../config.ts'
import { decodeTags, OWN, TAGS, toHex } from '../packet/attributes.ts'
import { ATTRIBUTE } from '../packet/codes.ts'
import {
  formatLargeCommunity,
  parseCommunity,
  parseExtendedCommunity,
  parseLargeCommunity,
} from '../packet/communities.ts'
import { readU16, readU32 } from '../packet/reader.ts'
import type { AttributeTable } from '../rib/attribute-table.ts'
import type { PrefixTable } from '../rib/prefix-table.ts'
import type { Source } from '../rib/source.ts'
import type { AsPathMatch, Match, PrefixMatch } from './policy.ts'

/** Prefix conditions of one family in one flat array, because they are matched for every route: following pointers would be slower. */
export class PrefixCondition {
  readonly #words: number
  /** For each prefix: minimum and maximum length, then pairs of an address word and its mask. */
  readonly #numbers: Int32Array

  private constructor(words: number, numbers: readonly number[]) {
    this.#words = words
    this.#numbers = Int32Array.from(numbers)
  }

  /** Compiles the prefixes of a family; undefined when there is none of it. */
  static of(matches: readonly PrefixMatch[], family: Family): PrefixCondition | undefined {
    const words = family === 'ipv4-unicast' ? 1 : 4
    const numbers = matches.flatMap(({ prefix: text, minLength, maxLength }) => {
      const prefix = parsePrefix(text)!
      if (prefix.bytes.length !== 4 * words) return []
      const least = Math.max(prefix.length, minLength ?? 0)
      const bits = Array.from({ length: words }, (_, i) => [
        readU32(prefix.bytes, 4 * i) | 0,
        mask(prefix.length - 32 * i),
      ])
      return [least, maxLength ?? least, ...bits.flat()]
    })
    return numbers.length === 0 ? undefined : new PrefixCondition(words, numbers)
  }

  /** Whether it matches any prefix of that length. */
  hasLength(length: number): boolean {
    const numbers = this.#numbers
    for (let at = 0; at < numbers.length; at += 2 + 2 * this.#words)
      if (length >= numbers[at]! && length <= numbers[at + 1]!) return true
    return false
  }

  matches(table: PrefixTable, id: number): boolean {
    const numbers = this.#numbers
    const stride = 2 + 2 * this.#words
    const length = table.length[id]!
    for (let at = 0; at < numbers.length; at += stride)
      if (length >= numbers[at]! && length <= numbers[at + 1]! && this.#covers(at + 2, table, id)) return true
    return false
  }

  #covers(at: number, table: PrefixTable, id: number): boolean {
    const numbers = this.#numbers
    for (let i = 0; i < this.#words; i++)
      if (((table.word(id, i) ^ numbers[at + 2 * i]!) & numbers[at + 2 * i + 1]!) !== 0) return false
    return true
  }
}

/** A mask of the first `length` of 32 bits. */
function mask(length: number): number {
  return length <= 0 ? 0 : length >= 32 ? -1 : -1 << (32 - length)
}

/** Conditions on the attributes and the source, by which verdicts are cached. They read canonical bytes, so that sets which do not match are never decoded. */
export class AttributeCondition {
  /** There are no conditions: it always matches. */
  readonly always: boolean
  readonly #sources: Match['sources']
  readonly #asPath: AsPathCondition | undefined
  readonly #neighbours: readonly Prefix[] | undefined
  readonly #nextHops: readonly Prefix[] | undefined
  readonly #communities: ReadonlySet<number> | undefined
  readonly #large: ReadonlySet<string> | undefined
  /** 16 hex digits each. */
  readonly #extended: ReadonlySet<string> | undefined
  readonly #tags: Match['tags']

  constructor(match: Match) {
    const { sources, neighbours, nextHops, communities, asPath, tags } = match
    const conditions = [sources, neighbours, nextHops, communities, asPath, tags]
    this.always = conditions.every((each) => each === undefined)
    this.#sources = sources
    this.#tags = tags
    this.#asPath = asPath && asPathCondition(asPath)
    this.#neighbours = match.neighbours?.map((text) => parseAddressOrPrefix(text)!)
    this.#nextHops = match.nextHops?.map((text) => parseAddressOrPrefix(text)!)
    const standard = match.communities?.map(parseCommunity).filter((value) => value !== undefined)
    this.#communities = standard === undefined ? undefined : new Set(standard.map((value) => value | 0))
    const large = match.communities?.filter((text) => parseLargeCommunity(text) !== undefined)
    this.#large = large === undefined || large.length === 0 ? undefined : new Set(large)
    const extended = match.communities?.flatMap((text) => parseExtendedCommunity(text) ?? [])
    this.#extended = extended === undefined || extended.length === 0 ? undefined : new Set(extended)
  }

  matches(table: AttributeTable, id: number, source: Source): boolean {
    if (this.#sources !== undefined && !this.#sources.includes(source.kind)) return false
    if (this.#neighbours !== undefined && !inside(this.#neighbours, source.addressBytes)) return false
    if (this.#nextHops !== undefined && !this.#hasNextHop(table, id, this.#nextHops)) return false
    if (this.#tags !== undefined && !hasTag(table, id, this.#tags)) return false
    if (this.#communities !== undefined && !this.#hasCommunity(table, id, this.#communities)) return false
    return this.#asPath === undefined || matchesAsPath(this.#asPath, table, id)
  }

  /** Reads the next hop in the canonical bytes without copying it: a policy may see half a million sets. */
  #hasNextHop(table: AttributeTable, id: number, outers: readonly Prefix[]): boolean {
    const length = table.nextHopLength[id]!
    const bytes = table.bytes(id)
    const at = table.end(id) - length
    for (const outer of outers) if (outer.bytes.length === length && containsAt(outer, bytes, at)) return true
    return false
  }

  #hasCommunity(table: AttributeTable, id: number, wanted: ReadonlySet<number>): boolean {
    const bytes = table.bytes(id)
    if (wanted.size > 0) {
      const at = table.communities(id)
      const end = at < 0 ? -1 : at + readU16(bytes, at - 2)
      for (let i = at; i < end; i += 4) if (wanted.has(readU32(bytes, i) | 0)) return true
    }
    return this.#hasLarge(table, id, bytes) || this.#hasExtended(table, id, bytes)
  }

  #hasExtended(table: AttributeTable, id: number, bytes: Uint8Array): boolean {
    const extended = this.#extended
    if (extended === undefined) return false
    const at = table.find(id, ATTRIBUTE.EXTENDED_COMMUNITIES)
    const end = at < 0 ? -1 : at + readU16(bytes, at - 2)
    for (let i = at; i < end; i += 8) if (extended.has(toHex(bytes.subarray(i, i + 8)))) return true
    return false
  }

  #hasLarge(table: AttributeTable, id: number, bytes: Uint8Array): boolean {
    const large = this.#large
    if (large === undefined) return false
    const at = table.find(id, ATTRIBUTE.LARGE_COMMUNITIES)
    const end = at < 0 ? -1 : at + readU16(bytes, at - 2)
    for (let i = at; i < end; i += 12) {
      const value = [readU32(bytes, i), readU32(bytes, i + 4), readU32(bytes, i + 8)] as const
      if (large.has(formatLargeCommunity(value))) return true
    }
    return false
  }
}

function hasTag(table: AttributeTable, id: number, wanted: readonly string[]): boolean {
  const at = table.find(id, TAGS)
  const bytes = table.bytes(id)
  // A peer may send an attribute of that type.
  if (at < 0 || (bytes[at - 3]! & OWN) === 0) return false
  return decodeTags(bytes.subarray(at, at + readU16(bytes, at - 2))).some((tag) => wanted.includes(tag))
}

/** Whether one of the prefixes contains the address. `bytes` may be empty: our own paths have no next hop and no neighbour. */
function inside(outers: readonly Prefix[], bytes: Uint8Array): boolean {
  return outers.some((outer) => contains(outer, bytes))
}

//  AS_PATH: | segment type (1) | count (1) | AS numbers (4 each) | …

/** AS numbers of -1 match any. */
type AsPathCondition = Required<AsPathMatch>

function asPathCondition(match: AsPathMatch): AsPathCondition {
  const {
    minLength = 0,
    maxLength = Number.MAX_SAFE_INTEGER,
    contains = -1,
    origin = -1,
    neighbour = -1,
  } = match
  return { minLength, maxLength, contains, origin, neighbour }
}

function matchesAsPath(match: AsPathCondition, table: AttributeTable, id: number): boolean {
  const { minLength, maxLength, contains, origin, neighbour } = match
  const length = table.pathLength[id]!
  if (length < minLength || length > maxLength) return false
  if (contains < 0 && origin < 0 && neighbour < 0) return true
  const bytes = table.bytes(id)
  const start = table.asPath(id)
  const end = start < 0 ? -1 : start + readU16(bytes, start - 2)
  let first = -1
  let last = -1
  let contained = false
  for (let at = start; at < end; ) {
    const next = at + 2 + 4 * bytes[at + 1]!
    for (at += 2; at < next; at += 4) {
      last = readU32(bytes, at)
      if (first < 0) first = last
      if (last === contains) contained = true
    }
  }
  if (contains >= 0 && !contained) return false
  if (origin >= 0 && last !== origin) return false
  return neighbour < 0 || first === neighbour
}
