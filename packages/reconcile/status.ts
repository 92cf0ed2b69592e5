/** Whether what is wanted is in place, since when, and why not. */

/** What a table knows of one key. */
export type KeyStatus =
  /** Neither wanted nor there. */
  | { readonly kind: 'absent' }
  /** Wanted, and there as it is wanted. */
  | { readonly kind: 'in-place' }
  /** To be written, or removed. */
  | { readonly kind: 'pending' }
  /** There, and wanted by nobody; it stays until the sweep. */
  | { readonly kind: 'unwanted' }
  /** Tried in vain; it is tried again. */
  | { readonly kind: 'failed'; readonly error: Error }

/** A key of a table that something follows from. */
export interface WantedKey {
  readonly table: { readonly name: string; status(key: string): KeyStatus }
  readonly key: string
}

export interface Status {
  /** `refused`: planning could use nothing of it. */
  readonly state: 'absent' | 'in-place' | 'pending' | 'failed' | 'refused'
  /** Clock time since when it is so, in milliseconds; undefined where that is not known. */
  readonly since: number | undefined
  /** Why it is not in place, and what of it cannot be used; each names what it is about. */
  readonly reasons: readonly string[]
}

export interface StatusFacts {
  /** It is to be planned again, or was and is not flushed yet. */
  readonly dirty: boolean
  readonly wanted: readonly WantedKey[]
  readonly problems: readonly string[]
  /** Clock time of the last change or of the flush after it, in milliseconds. */
  readonly since: number | undefined
}

export function describeStatus({ dirty, wanted, problems, since }: StatusFacts): Status {
  const found = wanted.map(({ table, key }) => ({ name: `${table.name} ${key}`, status: table.status(key) }))
  const errors = found.flatMap(({ name, status }) =>
    status.kind === 'failed' ? [`${name}: ${status.error.message}`] : [],
  )
  const reasons = [...errors, ...problems]
  if (errors.length > 0) return { state: 'failed', since, reasons }
  if (dirty || found.some(({ status }) => status.kind === 'pending' || status.kind === 'absent'))
    return { state: 'pending', since, reasons }
  if (found.length > 0) return { state: 'in-place', since, reasons }
  return { state: problems.length > 0 ? 'refused' : 'absent', since: undefined, reasons }
}
