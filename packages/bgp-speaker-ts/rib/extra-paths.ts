// Adj-RIB-Out beside the best path, for groups whose members take several paths to a prefix (RFC 7911): which other paths they have been told of.
import type { FamilyRib } from './family-rib.ts'

/** Path identifier of the best path; the others have the index of their path in the RIB, from FIRST_EXTRA_ID on. */
export const BEST_ID = 1
const FIRST_EXTRA_ID = 2

/** A path, or that it is gone (attribute -1): what members are to be told. */
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

/** The attribute id that may be told of a path, -1: none. */
export type Decide = (prefix: number, attribute: number, source: number) => number

export class ExtraPaths {
  /** By prefix and path identifier. */
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

  /** Brings a prefix up to date; what changed, withdrawals first. */
  update(rib: FamilyRib, prefix: number, decide: Decide): readonly ExtraPath[] {
    const before = this.#told.get(prefix)
    const now = this.#wanted(rib, prefix, decide)
    const changes: ExtraPath[] = []
    // Another peer's path may have got the identifier: then the one of before goes, for that peer's sake.
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

  /** All that members have been told of a prefix. */
  all(prefix: number): readonly ExtraPath[] {
    return [...(this.#told.get(prefix) ?? [])].map(([pathId, told]) => ({ prefix, pathId, ...told }))
  }

  #wanted(rib: FamilyRib, prefix: number, decide: Decide): Map<number, Told> {
    const { paths, prefixes } = rib
    const wanted = new Map<number, Told>()
    const bestAttribute = prefixes.bestAttribute[prefix]!
    const bestSource = prefixes.bestSource[prefix]!
    // The best path is told by itself; of several that are the same any may stand for it.
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
