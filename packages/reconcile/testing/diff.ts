/** The difference of two states, by which tests judge what a table does. */
import { diffKey } from '../diff.ts'
import type { Op } from '../resource.ts'

/** All ops between two states: additions and replacements first, removals last. Applied and diffed again it is `[]`. */
export function diff<K extends string, V>(
  desired: ReadonlyMap<K, V>,
  actual: ReadonlyMap<K, V>,
  equal: (a: V, b: V) => boolean,
): Op<K, V>[] {
  const upserts: Op<K, V>[] = []
  const removals: Op<K, V>[] = []
  for (const [key, value] of desired) {
    const op = diffKey(key, value, actual.get(key), equal)
    if (op) upserts.push(op)
  }
  for (const [key, previous] of actual) {
    if (!desired.has(key)) removals.push({ kind: 'remove', key, previous })
  }
  return [...upserts, ...removals]
}
