// Adj-RIB-In and Loc-RIB of one family. Prefixes whose paths change are dirty until the next flush selects their best path.
import type { Family } from '../config.ts'
import type { BestPath } from './best-path.ts'
import { IdStack, mix } from './columns.ts'
import { PathTable } from './path-table.ts'
import { PrefixTable } from './prefix-table.ts'
import { NO_SOURCE } from './source.ts'

export class FamilyRib {
  readonly family: Family
  readonly prefixes: PrefixTable
  readonly paths = new PathTable()
  /** Prefixes that wait for selection. */
  readonly dirty = new IdStack()
  readonly #bestPath: BestPath

  constructor(family: Family, bestPath: BestPath) {
    this.family = family
    this.prefixes = new PrefixTable(family === 'ipv4-unicast' ? 1 : 4, bestPath.multipath > 1)
    this.#bestPath = bestPath
  }

  /** Returns the path of a source to a prefix; -1: none. */
  lookup(prefix: number, source: number, pathId: number): number {
    const { paths } = this
    let path = this.prefixes.head[prefix]!
    while (path >= 0 && (paths.source[path] !== source || paths.pathId(path) !== pathId))
      path = paths.next[path]!
    return path
  }

  /** Adds a path to the prefix's list; the caller sets its attributes. */
  insert(prefix: number, source: number, pathId: number): number {
    const path = this.paths.add(prefix, source, pathId)
    this.paths.next[path] = this.prefixes.head[prefix]!
    this.prefixes.head[prefix] = path
    return path
  }

  remove(path: number): void {
    const { paths, prefixes } = this
    const prefix = paths.prefix[path]!
    const next = paths.next[path]!
    let at = prefixes.head[prefix]!
    if (at === path) prefixes.head[prefix] = next
    else {
      while (paths.next[at] !== path) at = paths.next[at]!
      paths.next[at] = next
    }
    paths.remove(path)
    this.touch(prefix)
  }

  touch(prefix: number): void {
    if (this.prefixes.dirty[prefix] === 1) return
    this.prefixes.dirty[prefix] = 1
    this.dirty.push(prefix)
  }

  /** Selects the best paths of dirty prefixes; returns the prefixes whose best path or set of equal paths changed. */
  selectAll(prefixes: Int32Array): Int32Array {
    const changed = new Int32Array(prefixes.length)
    let count = 0
    for (let i = 0; i < prefixes.length; i++) {
      const prefix = prefixes[i]!
      if (this.select(prefix)) changed[count++] = prefix
    }
    return changed.subarray(0, count)
  }

  /** Selects the best path of a dirty prefix; returns true when it or the set of equal paths changed. */
  select(prefix: number): boolean {
    const { prefixes, paths } = this
    prefixes.dirty[prefix] = 0
    const best = this.#bestPath.select(paths, prefixes.head[prefix]!)
    const attribute = best < 0 ? -1 : paths.attribute[best]!
    const source = best < 0 ? NO_SOURCE : paths.source[best]!
    const set = this.#signature(this.#bestPath.equal)
    const same =
      prefixes.bestAttribute[prefix] === attribute &&
      prefixes.bestSource[prefix] === source &&
      prefixes.bestSet(prefix) === set
    if (same) return false
    prefixes.publishSet(prefix, set)
    prefixes.bestAttribute[prefix] = attribute
    prefixes.bestSource[prefix] = source
    return true
  }

  /** Equal paths of a prefix (attributes and source of each), the best first; none while the prefix is dirty. */
  equalPaths(prefix: number): readonly { readonly attribute: number; readonly source: number }[] {
    if (this.prefixes.bestSet(prefix) === 0 || this.prefixes.dirty[prefix] === 1) return []
    this.#bestPath.select(this.paths, this.prefixes.head[prefix]!)
    return this.#bestPath.equal.map((path) => ({
      attribute: this.paths.attribute[path]!,
      source: this.paths.source[path]!,
    }))
  }

  /** All paths to a prefix that policy accepted. */
  usablePaths(prefix: number): readonly { attribute: number; source: number; pathId: number }[] {
    const { paths } = this
    const usable = []
    for (let path = prefix < 0 ? -1 : this.prefixes.head[prefix]!; path >= 0; path = paths.next[path]!) {
      const attribute = paths.attribute[path]!
      if (attribute >= 0) usable.push({ attribute, source: paths.source[path]!, pathId: paths.pathId(path) })
    }
    return usable
  }

  #signature(equal: readonly number[]): number {
    let hash = 0
    for (const path of equal) hash = mix(mix(hash, this.paths.attribute[path]!), this.paths.source[path]!)
    return equal.length === 0 ? 0 : hash || 1
  }
}
