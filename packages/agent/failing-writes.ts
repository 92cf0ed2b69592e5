/** Changes that the kernel, a router or a file refuses again and again, as a condition: a status that says that all is well would lie. */
import type { Condition } from '@podroute/feature/condition.ts'
import type { PendingChange } from '@podroute/reconcile/flush-order.ts'
import type { RunningFeature } from './running-features.ts'

/** Milliseconds. Before that it is tried again and may well succeed. */
const LONG = 60_000
/** That a condition names; `podroute plan` has all. */
const SHOWN = 3

type Writer = RunningFeature & { readonly feature: Pick<RunningFeature['feature'], 'stats' | 'pending'> }

export class FailingWrites {
  readonly #now: () => number
  /** Clock time at which each was seen failing first. */
  #since = new Map<string, number>()

  /** @param now milliseconds, that only grow */
  constructor(now: () => number) {
    this.#now = now
  }

  /**
   * Asked as often as anybody looks, which probes do every few seconds. It makes no node unready: whoever writes one bad object could take
   * the node away from all others.
   */
  condition(features: readonly Writer[]): Condition {
    const failing = features.flatMap((entry) => [...failuresOf(entry)])
    const now = this.#now()
    this.#since = new Map(failing.map(({ id }) => [id, this.#since.get(id) ?? now]))
    const long = failing.filter(({ id }) => now - this.#since.get(id)! >= LONG)
    return { name: 'writes', ok: long.length === 0, detail: describe(long), advisory: true }
  }
}

interface Failure {
  readonly id: string
  readonly change: PendingChange
}

/** Nothing is listed where nothing fails, however much is to be done. */
function* failuresOf({ name, feature }: Writer): Iterable<Failure> {
  if (Object.values(feature.stats()).every(({ failed }) => failed === 0)) return
  for (const change of feature.pending()) {
    if (change.error === '') continue
    const { table, kind, key } = change
    yield { id: `${name}/${table} ${kind} ${key}`, change }
  }
}

function describe(failures: readonly Failure[]): string {
  if (failures.length === 0) return ''
  const named = failures.slice(0, SHOWN).map(({ id, change }) => `${id}: ${change.error}`)
  const more = failures.length - named.length
  return `refused for a minute or longer: ${named.join('; ')}${more > 0 ? `, and ${more} more` : ''}; see podroute plan`
}
