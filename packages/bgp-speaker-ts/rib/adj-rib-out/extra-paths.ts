// Adj-RIB-Out of the paths beside the best one, for groups with add-path (RFC 7911).
import type { FamilyRib } from '../family-rib.ts'

/** Path identifier of the best path. Other paths have the index of their path in the RIB plus FIRST_EXTRA_ID. */
export const BEST_ID = 1
const FIRST_EXTRA_ID = 2

/** A change to send to the members: a path, or its withdrawal (attribute -1). */
export interface ExtraPath {
  readonly prefix: number
  readonly pathId: number
  readonly attribute: number
  readonly source: number
}

interface Told {
  readonly attribute: number
  readonly source: number
}

/** Returns the attribute id that is sent for a path; -1: it is not sent. */
export type Decide = (prefix: number, attribute: number, source: number) => number

export class ExtraPaths {
  /** Advertised paths by prefix and path identifier. */
  readonly #told = new Map<number, Map<number, Told>>()

  holds(prefix: number): boolean {
    return this.#told.has(prefix)
  }

  get prefixes(): Iterable<number> {
    return this.#told.keys()
  }

  *attributes(): Iterable<number> {
    for (const paths of this.#told.values()) for (const { attribute } of paths.values()) yield attribute
  }

  /** Updates a prefix and returns the changes, withdrawals first. */
  update(rib: FamilyRib, prefix: number, decide: Decide): readonly ExtraPath[] {
    const before = this.#told.get(prefix)
    const now = this.#wanted(rib, prefix, decide)
    const changes: ExtraPath[] = []
    // The identifier may belong to another peer's path now: the old path is withdrawn, because that peer itself does not get the new one.
    for (const [pathId, { source }] of before ?? [])
      if (now.get(pathId)?.source !== source) changes.push({ prefix, pathId, attribute: -1, source })
    for (const [pathId, { attribute, source }] of now) {
      const told = before?.get(pathId)
      if (told?.attribute !== attribute || told.source !== source)
        changes.push({ prefix, pathId, attribute, source })
    }
    if (now.size > 0) this.#told.set(prefix, now)
    else this.#told.delete(prefix)
    return changes
  }

  /** All advertised paths of a prefix. */
  all(prefix: number): readonly ExtraPath[] {
    return [...(this.#told.get(prefix) ?? [])].map(([pathId, told]) => ({ prefix, pathId, ...told }))
  }

  #wanted(rib: FamilyRib, prefix: number, decide: Decide): Map<number, Told> {
    const { paths, prefixes } = rib
    const wanted = new Map<number, Told>()
    const bestAttribute = prefixes.bestAttribute[prefix]!
    const bestSource = prefixes.bestSource[prefix]!
    // The best path is sent as BEST_ID. Of several paths equal to it any one is skipped in its place.
    let best = false
    for (let path = prefixes.head[prefix]!; path >= 0; path = paths.next[path]!) {
      if (paths.attribute[path]! < 0) continue
      const source = paths.source[path]!
      if (!best && paths.attribute[path] === bestAttribute && source === bestSource) {
        best = true
        continue
      }
      const attribute = decide(prefix, paths.attribute[path]!, source)
      if (attribute >= 0) wanted.set(path + FIRST_EXTRA_ID, { attribute, source })
    }
    return wanted
  }
}
