/** Compares what is there with what was acknowledged, in chunks that let other work pass. */
import type { Resource } from './resource.ts'
import type { State } from './state.ts'

export interface Drift<K> {
  readonly key: K
  readonly kind: 'missing' | 'different' | 'extra'
}

/** How an audit is asked for. */
export interface AuditRequest {
  /** `false`: drift is told, and left as it is. */
  readonly repair?: boolean
  /** Lists nothing where the resource's revision is that of the last audit, which found nothing. */
  readonly quick?: boolean
}

export interface AuditOptions<K> {
  /** Gives other work a turn. */
  pause(): Promise<void>
  /** Resolves when the flush that is under way is over. */
  settled(): Promise<void>
  /** Whether a key is or was being changed meanwhile, so that it cannot be judged. */
  unsettled(key: K): boolean
}

const CHUNK = 256

export async function findDrift<K extends string, V>(
  resource: Resource<K, V>,
  state: State<K, V>,
  options: AuditOptions<K>,
): Promise<readonly Drift<K>[]> {
  const suspects: Drift<K>[] = []
  const seen = new Set<K | V>()
  let read = 0
  for await (const portion of resource.list()) {
    for (const [key, value] of portion) {
      if (++read % CHUNK === 0) await options.pause()
      const known = state.acknowledged(key)
      if (known === undefined) suspects.push({ key, kind: 'extra' })
      else {
        seen.add(markOf(key, known))
        if (!resource.equal(known, value)) suspects.push({ key, kind: 'different' })
      }
    }
  }
  // What was being written meanwhile is known only once that flush is over.
  await options.settled()
  for (const key of state.acknowledgedKeys()) {
    if (!seen.has(markOf(key, state.acknowledged(key)!))) suspects.push({ key, kind: 'missing' })
  }
  return suspects.filter(({ key }) => !options.unsettled(key))
}

/** Remembers a key by its value where that is an object: the keys of a listing are texts of their own, megabytes of them. */
function markOf<K, V>(key: K, known: V): K | V {
  return typeof known === 'object' ? known : key
}
