// A rule's conditions, prepared for many questions.
import { contains, type Prefix, parseAddress, parseAddressOrPrefix, parsePrefix } from '../address.ts'
import type { Family } from '../config.ts'
import type { PathAttributes } from '../packet/attributes.ts'
import { formatCommunity, formatLargeCommunity, parseCommunity } from '../packet/communities.ts'
import type { PrefixTable } from '../rib/prefix-table.ts'
import type { Source } from '../rib/source.ts'
import type { AsPathMatch, Match, PrefixMatch } from './policy.ts'

interface PrefixRange {
  readonly prefix: Prefix
  readonly least: number
  readonly most: number
}

/** Conditions on the prefix alone. */
export class PrefixCondition {
  readonly #ranges: readonly PrefixRange[]
  readonly #scratch = new Uint8Array(16)

  constructor(matches: readonly PrefixMatch[]) {
    this.#ranges = matches.map(({ prefix: text, minLength, maxLength }) => {
      const prefix = parsePrefix(text)!
      const least = minLength ?? prefix.length
      return { prefix, least, most: maxLength ?? Math.max(prefix.length, least) }
    })
  }

  matches(table: PrefixTable, id: number): boolean {
    const size = 4 * table.words
    const length = table.length[id]!
    const bytes = size === 4 ? this.#scratch.subarray(0, 4) : this.#scratch
    table.copyAddress(id, bytes, 0)
    for (const { prefix, least, most } of this.#ranges) {
      if (length >= least && length <= most && contains(prefix, bytes, length)) return true
    }
    return false
  }
}

/** Conditions on the attributes, the source and the family: what a verdict may be cached by. */
export class AttributeCondition {
  readonly #match: Match
  readonly #neighbours: readonly Prefix[] | undefined
  readonly #nextHops: readonly Prefix[] | undefined
  readonly #communities: ReadonlySet<string> | undefined

  constructor(match: Match) {
    this.#match = match
    this.#neighbours = match.neighbours?.map((text) => parseAddressOrPrefix(text)!)
    this.#nextHops = match.nextHops?.map((text) => parseAddressOrPrefix(text)!)
    this.#communities =
      match.communities === undefined ? undefined : new Set(match.communities.map(normalize))
  }

  matches(attributes: PathAttributes, source: Source, family: Family): boolean {
    const { families, sources, asPath } = this.#match
    if (families !== undefined && !families.includes(family)) return false
    if (sources !== undefined && !sources.includes(source.kind)) return false
    if (
      this.#neighbours !== undefined &&
      !this.#neighbours.some((outer) => contains(outer, source.addressBytes))
    )
      return false
    if (this.#nextHops !== undefined && !inside(this.#nextHops, attributes.nextHop)) return false
    if (this.#communities !== undefined && !this.#hasCommunity(attributes)) return false
    return asPath === undefined || matchesAsPath(asPath, attributes)
  }

  #hasCommunity({ communities, largeCommunities }: PathAttributes): boolean {
    const wanted = this.#communities!
    if (communities?.some((value) => wanted.has(formatCommunity(value)))) return true
    return largeCommunities?.some((value) => wanted.has(formatLargeCommunity(value))) === true
  }
}

function normalize(text: string): string {
  const community = parseCommunity(text)
  return community === undefined ? text : formatCommunity(community)
}

function inside(outers: readonly Prefix[], address: string | undefined): boolean {
  const bytes = address === undefined ? undefined : parseAddress(address)
  return bytes !== undefined && outers.some((outer) => contains(outer, bytes))
}

function matchesAsPath(match: AsPathMatch, { asPath = [] }: PathAttributes): boolean {
  const asns = asPath.flatMap((segment) => segment.asns)
  const length = asPath.reduce(
    (sum, { kind, asns: list }) => sum + (kind === 'sequence' ? list.length : kind === 'set' ? 1 : 0),
    0,
  )
  if (match.contains !== undefined && !asns.includes(match.contains)) return false
  if (match.origin !== undefined && asns.at(-1) !== match.origin) return false
  if (match.neighbour !== undefined && asns[0] !== match.neighbour) return false
  return length >= (match.minLength ?? 0) && length <= (match.maxLength ?? Number.POSITIVE_INFINITY)
}
