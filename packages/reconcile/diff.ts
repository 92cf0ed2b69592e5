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
