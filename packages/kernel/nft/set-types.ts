/**
 * Sets that another version had with another type: the kernel refuses to add one that exists with another type, so it is deleted and
 * added again, in the transaction that loads the table. Pure.
 */
import { type ElementType, type NftTable, setTypeLines } from './definition.ts'
import type { TableListing } from './listing.ts'

export interface ChangedSet {
  readonly name: string
  /** As it is now. */
  readonly kind: 'set' | 'map'
  /** What its elements are now, where they are elements of the new one, too; undefined: they mean something else there. */
  readonly keeps: ElementType | undefined
}

export function changedSets({ sets, kinds }: TableListing, table: NftTable): readonly ChangedSet[] {
  return Object.entries(table.sets).flatMap(([name, type]) => {
    const lines = sets.get(name)
    if (!lines) return []
    const [now, wanted] = [typeLines(lines), setTypeLines(type)]
    // Nft lists expressions in a way of its own.
    const sameFields =
      now[0] === wanted[0] || [now[0], wanted[0]].every((line) => line?.startsWith('typeof '))
    const interval = now.some((line) => line.startsWith('flags ') && line.includes('interval'))
    if (sameFields && interval === (type.interval ?? false)) return []
    // A set of intervals takes single values; one of single values takes no prefix.
    const fits = sameFields && !interval
    return [{ name, kind: kinds.get(name)!, keeps: fits ? { ...type, interval } : undefined }]
  })
}

/** What of a declaration makes another set of it. */
export function typeLines(declaration: readonly string[]): readonly string[] {
  return declaration.filter((line) => /^(type(of)?|flags) /.test(line))
}
