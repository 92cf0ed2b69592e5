/** What turns the actual state into the desired one. */
import type { Op } from './resource.ts'

/** The op that one key needs, if any. */
export function diffKey<K extends string, V>(
  key: K,
  desired: V | undefined,
  actual: V | undefined,
  equal: (a: V, b: V) => boolean,
): Op<K, V> | undefined {
  if (desired === undefined)
    return actual === undefined ? undefined : { kind: 'remove', key, previous: actual }
  if (actual === undefined) return { kind: 'add', key, value: desired }
  return equal(desired, actual) ? undefined : { kind: 'replace', key, value: desired, previous: actual }
}

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
