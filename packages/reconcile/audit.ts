/** Compares what is there with what was acknowledged, in chunks that let other work pass. */
import type { Resource } from './resource.ts'
import type { State } from './state.ts'

export interface Drift<K> {
  readonly key: K
  readonly kind: 'missing' | 'different' | 'extra'
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
  const seen = new Set<K>()
  for await (const [key, value] of resource.list()) {
    if (seen.size % CHUNK === CHUNK - 1) await options.pause()
    seen.add(key)
    const known = state.acknowledged(key)
    if (known === undefined) suspects.push({ key, kind: 'extra' })
    else if (!resource.equal(known, value)) suspects.push({ key, kind: 'different' })
  }
  // What was being written meanwhile is known only once that flush is over.
  await options.settled()
  for (const key of state.acknowledgedKeys()) if (!seen.has(key)) suspects.push({ key, kind: 'missing' })
  return suspects.filter(({ key }) => !options.unsettled(key))
}
