/** One kind of thing that we write somewhere: the same small interface for routes, virtual servers, set elements, files and announcements. */

/** One change of one keyed thing. `previous` is the state that was last acknowledged. */
export type Op<K extends string, V> =
  | { readonly kind: 'add'; readonly key: K; readonly value: V }
  | { readonly kind: 'replace'; readonly key: K; readonly value: V; readonly previous: V }
  | { readonly kind: 'remove'; readonly key: K; readonly previous: V }

/** What became of one op. An `error` may carry a `code` (`EEXIST`, `ENOENT`, …). */
export type Outcome = { readonly ok: true } | { readonly ok: false; readonly error: Error }

/** What a watcher saw of a key: its new value, that it is gone, or only that something happened. */
export type Observation<V> =
  | { readonly kind: 'present'; readonly value: V }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown' }

/** One kind of thing that we put somewhere. Only what is ours is ever listed, read or changed. */
export interface Resource<K extends string, V> {
  readonly name: string
  equal(a: V, b: V): boolean
  /** What is there and ours, in portions as the source has it; each is gone through once, before the next is asked for. */
  list(): AsyncIterable<Iterable<readonly [K, V]>>
  /**
   * A text that is another one whenever `list` would give something else, and costs less: while it stays, a quick audit lists
   * nothing. Undefined as long as that cannot be known.
   */
  revision?(): Promise<string | undefined>
  /**
   * What is there and ours under these keys; keys that are not there are left out. Without it, unverified keys cost
   * one `list()`.
   */
  read?(keys: readonly K[]): Promise<ReadonlyMap<K, V>>
  /**
   * One batch; one outcome per op, in the same order. One failing op does not stop the others. A rejected promise
   * means that nothing is known about any of them.
   */
  apply(ops: readonly Op<K, V>[]): Promise<readonly Outcome[]>
  /** Calls `touched` when somebody else changed a key of ours; of our own changes it may tell, too. */
  watch?(touched: (key: K, observation?: Observation<V>) => void): Disposable
}

/** The outcome of an op that went through. */
export const DONE: Outcome = { ok: true }

/** The outcome of an op that did not: `undefined` or `null` counts as done, so that kernel answers map directly. */
export function outcomeOf(error: Error | null | undefined): Outcome {
  return error ? { ok: false, error } : DONE
}

/** Carries out each change by itself, in order: one that fails is an outcome, and the others go through. */
export async function applyEach<Key extends string, Value>(
  ops: readonly Op<Key, Value>[],
  carryOut: (op: Op<Key, Value>) => Promise<void>,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  for (const op of ops) outcomes.push(await carryOut(op).then(() => DONE, outcomeOf))
  return outcomes
}

/** The `code` of a system or package error, if it has one. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : undefined
}
