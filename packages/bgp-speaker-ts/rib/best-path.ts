// The decision process (RFC 4271 section 9.1.2.2, RFC 4456 section 9): selects the best of a prefix's paths.
import { isLinkLocal } from '../address.ts'
import { ATTRIBUTE_FLAG, type AttributeTable } from './attribute-table.ts'
import type { PathTable } from './path-table.ts'
import { LOCAL, type Source } from './source.ts'

/** Lower is better: internal paths lose to external ones (9.1.2.2 d). */
const KIND_RANK = { local: 0, ebgp: 1, ibgp: 2 } as const

export class BestPath {
  readonly #attributes: AttributeTable
  readonly #sources: readonly (Source | undefined)[]
  readonly multipath: number
  #candidates: number[] = []
  /** Result of the last `select`: the equal paths (ECMP), the best first; empty when there is only one. */
  equal: number[] = []

  /** @param multipath maximum number of equal paths */
  constructor(attributes: AttributeTable, sources: readonly (Source | undefined)[], multipath = 1) {
    this.multipath = multipath
    this.#attributes = attributes
    this.#sources = sources
  }

  /** Returns the best path of the list that starts with `head`; -1 when none is usable. */
  select(paths: PathTable, head: number): number {
    const candidates = this.#candidates
    let count = 0
    if (this.equal.length > 0) this.equal = []
    for (let path = head; path >= 0; path = paths.next[path]!) {
      if (paths.attribute[path]! < 0) continue
      const order = count === 0 ? 0 : this.#compareDegree(paths, path, candidates[0]!)
      if (order > 0) continue
      if (order < 0) count = 0
      candidates[count++] = path
    }
    if (count <= 1) return count === 0 ? -1 : candidates[0]!
    count = this.#eliminateByMed(paths, count)
    let best = candidates[0]!
    for (let i = 1; i < count; i++) if (this.#breakTie(paths, candidates[i]!, best) < 0) best = candidates[i]!
    if (this.multipath > 1 && count > 1) this.#collectEqual(paths, best, count)
    return best
  }

  /** Collects the equal paths: those of the same kind of source that lose to the best only by tie-breaks after 9.1.2.2 d. */
  #collectEqual(paths: PathTable, best: number, count: number): void {
    const kind = (path: number) => this.#sources[paths.source[path]!]!.kind
    const rest = this.#candidates.slice(0, count).filter((path) => path !== best && kind(path) === kind(best))
    if (rest.length === 0) return
    rest.sort((a, b) => this.#breakTie(paths, a, b))
    const equal = [best]
    for (const path of rest) {
      if (equal.length === this.multipath) break
      if (!equal.some((other) => this.#sameNextHop(paths, path, other))) equal.push(path)
    }
    if (equal.length > 1) this.equal = equal
  }

  /** Paths with one next hop count once: they are, for example, two reflectors' copies of one path. */
  #sameNextHop(paths: PathTable, a: number, b: number): boolean {
    const x = this.#attributes.nextHop(paths.attribute[a]!)
    const y = this.#attributes.nextHop(paths.attribute[b]!)
    if (compareBytes(x, y) !== 0) return false
    return !isLinkLocal(x) || this.#zone(paths, a) === this.#zone(paths, b)
  }

  #zone(paths: PathTable, path: number): string | undefined {
    return this.#sources[paths.source[path]!]!.zone
  }

  /** Compares by: own paths first, long-lived stale ones last, LOCAL_PREF, AS path length, ORIGIN. Negative: `a` is better. */
  #compareDegree(paths: PathTable, a: number, b: number): number {
    const own = Number(paths.source[b] === LOCAL) - Number(paths.source[a] === LOCAL)
    if (own !== 0) return own
    const { flags, localPref, pathLength, origin } = this.#attributes
    const x = paths.attribute[a]!
    const y = paths.attribute[b]!
    // RFC 9494 section 4.3: a long-lived stale path loses, whatever its other attributes.
    const stale = (flags[x]! & ATTRIBUTE_FLAG.LLGR_STALE) - (flags[y]! & ATTRIBUTE_FLAG.LLGR_STALE)
    if (stale !== 0) return stale
    return localPref[y]! - localPref[x]! || pathLength[x]! - pathLength[y]! || origin[x]! - origin[y]!
  }

  /** Eliminates paths with a higher MED than another of the same neighbouring AS (9.1.2.2 c). An elimination does not depend on the order of the paths, pairwise comparison does. */
  #eliminateByMed(paths: PathTable, count: number): number {
    const { med, neighbour } = this.#attributes
    const candidates = this.#candidates
    const beaten = (path: number) => {
      const x = paths.attribute[path]!
      for (let i = 0; i < count; i++) {
        const y = paths.attribute[candidates[i]!]!
        if (neighbour[y] === neighbour[x] && med[y]! < med[x]!) return true
      }
      return false
    }
    const left = candidates.slice(0, count).filter((path) => !beaten(path))
    for (const [i, path] of left.entries()) candidates[i] = path
    return left.length
  }

  #breakTie(paths: PathTable, a: number, b: number): number {
    const s = this.#sources[paths.source[a]!]!
    const t = this.#sources[paths.source[b]!]!
    const rank = KIND_RANK[s.kind] - KIND_RANK[t.kind]
    if (rank !== 0) return rank
    const { originator, clusters } = this.#attributes
    const x = paths.attribute[a]!
    const y = paths.attribute[b]!
    // RFC 4456 section 9: ORIGINATOR_ID replaces the router ID; then the shorter CLUSTER_LIST wins.
    const order =
      (originator[x]! || s.routerId) - (originator[y]! || t.routerId) || clusters[x]! - clusters[y]!
    return (
      order ||
      compareBytes(s.addressBytes, t.addressBytes) ||
      paths.pathId(a) - paths.pathId(b) ||
      s.index - t.index
    )
  }
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return a.length - b.length
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return 0
}
