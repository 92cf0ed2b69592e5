// Reads the RIB for the API: turns ids and columns into paths.
import { formatPrefix, parsePrefix } from '../address.ts'
import type { Family } from '../config.ts'
import { FAMILIES } from '../packet/families.ts'
import type { FamilyRib } from '../rib/family-rib.ts'
import type { IngestPeer } from '../rib/ingest-peer.ts'
import { refusalOfFlags } from '../rib/refusal.ts'
import type { Rib } from '../rib/rib.ts'
import type { BestPathChange, Path, PathsChange, RejectedPath, TableSizes } from '../snapshot.ts'
import { toPath } from './paths.ts'

export class RibReader {
  readonly #rib: Rib

  constructor(rib: Rib) {
    this.#rib = rib
  }

  *routes(family?: Family): IterableIterator<Path> {
    for (const each of family === undefined ? FAMILIES : [family]) {
      const rib = this.#rib.families[each]
      for (let id = 0; id < rib.prefixes.used; id++) {
        if (!rib.prefixes.has(id)) continue
        const path = this.#best(rib, id)
        if (path !== undefined) yield path
      }
    }
  }

  paths(cidr: string): readonly Path[] {
    const prefix = parsePrefix(cidr)
    if (prefix === undefined) return []
    const rib = this.#rib.families[prefix.bytes.length === 4 ? 'ipv4-unicast' : 'ipv6-unicast']
    const text = formatPrefix(prefix)
    return this.#pathsOf(rib, rib.prefixes.find(prefix, false), text)
  }

  /** Returns all paths of prefixes of which any path changed. */
  allPaths(rib: FamilyRib, prefixes: Int32Array): PathsChange[] {
    return Array.from(prefixes, (id) => {
      const prefix = rib.prefixes.text(id)
      return { prefix, paths: this.#pathsOf(rib, id, prefix) }
    })
  }

  /** Returns the new best paths of prefixes whose best path changed. */
  changes(rib: FamilyRib, prefixes: Int32Array): BestPathChange[] {
    return Array.from(prefixes, (id) => ({
      prefix: rib.prefixes.text(id),
      best: this.#best(rib, id),
      ...this.#multipath(rib, id),
    }))
  }

  /** What of a peer is not used: the speaker itself refuses it, or the import policy. That of a policy is found again: it is not kept for each path. */
  *rejected(peer: IngestPeer): IterableIterator<RejectedPath> {
    const { source } = peer
    const { rules } = this.#rib.ingest
    for (const family of FAMILIES) {
      const rib = this.#rib.families[family]
      const { paths, prefixes } = rib
      for (let path = paths.first(source.index); path >= 0; path = paths.following(path)) {
        if (paths.attribute[path]! >= 0) continue
        const prefix = paths.prefix[path]!
        const refusal = refusalOfFlags(paths.flags[path]!)
        if (refusal === '') rules.evaluate(peer, rib, prefix, paths.received[path]!)
        const reason = refusal === '' ? rules.reason : refusal
        yield { prefix: prefixes.text(prefix), peer: source.address ?? '', reason }
      }
    }
  }

  sizes(): TableSizes {
    const size = ({ prefixes, paths }: FamilyRib) => ({ prefixes: prefixes.live, paths: paths.live })
    const { families, attributes, groups } = this.#rib
    return {
      'ipv4-unicast': size(families['ipv4-unicast']),
      'ipv6-unicast': size(families['ipv6-unicast']),
      attributeSets: attributes.live,
      updateGroups: groups.size,
    }
  }

  #pathsOf(rib: FamilyRib, id: number, prefix: string): readonly Path[] {
    return rib.usablePaths(id).map(({ attribute, source, pathId }) => ({
      ...this.#path(prefix, attribute, source),
      ...(pathId === 0 ? {} : { pathId }),
    }))
  }

  #best(rib: FamilyRib, id: number): Path | undefined {
    const attribute = rib.prefixes.bestAttribute[id]!
    if (attribute < 0) return undefined
    return this.#path(rib.prefixes.text(id), attribute, rib.prefixes.bestSource[id]!)
  }

  #multipath(rib: FamilyRib, id: number): { multipath?: readonly Path[] } {
    const equal = rib.equalPaths(id)
    if (equal.length === 0) return {}
    const prefix = rib.prefixes.text(id)
    return { multipath: equal.map(({ attribute, source }) => this.#path(prefix, attribute, source)) }
  }

  #path(prefix: string, attribute: number, source: number): Path {
    return toPath(prefix, this.#rib.attributes.decode(attribute), this.#rib.sources[source]!)
  }
}
