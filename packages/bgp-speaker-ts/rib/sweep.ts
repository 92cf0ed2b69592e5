// Frees attribute sets without references: marks all that the tables and groups refer to, then sweeps.
import type { Family } from '../config.ts'
import { FAMILIES } from '../packet/families.ts'
import type { UpdateGroup } from './adj-rib-out/update-group.ts'
import type { AttributeTable } from './attribute-table.ts'
import type { FamilyRib } from './family-rib.ts'

export function sweepAttributes(
  attributes: AttributeTable,
  ribs: Readonly<Record<Family, FamilyRib>>,
  groups: Iterable<UpdateGroup>,
): void {
  const marked = new Uint8Array(attributes.used)
  const mark = (ids: Int32Array, count: number) => {
    for (let i = 0; i < count; i++) if (ids[i]! >= 0) marked[ids[i]!] = 1
  }
  for (const family of FAMILIES) {
    const { paths, prefixes } = ribs[family]
    mark(paths.received, paths.used)
    mark(paths.attribute, paths.used)
    mark(prefixes.bestAttribute, prefixes.used)
    for (const group of groups) {
      mark(group.out[family].attribute, group.out[family].used)
      for (const id of group.extra[family]?.attributes() ?? []) marked[id] = 1
    }
  }
  attributes.sweep(marked)
}
