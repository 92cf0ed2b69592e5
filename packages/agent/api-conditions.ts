/** What the API server does not let the agent read although it could do without. */
import type { WatchStatus } from '@podroute/cluster/watch/resource-watch.ts'
import type { Condition } from '@podroute/feature/condition.ts'

export function forbiddenKinds(watches: readonly WatchStatus[]): Condition[] {
  return watches
    .filter(({ unavailable }) => unavailable === 'forbidden')
    .map(({ name, lastError = '' }) => ({ name, ok: false, advisory: true, detail: lastError }))
}
