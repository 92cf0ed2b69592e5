/** Metrics of what is followed at the API server. */

import type { WatchStatus } from '@podroute/cluster/watch/resource-watch.ts'
import type { DeclareMetric } from '@podroute/feature/metric.ts'
import type { AgentState } from '../admin/pages.ts'

export function declareWatchMetrics(declare: DeclareMetric, state: AgentState): void {
  const perKind = (name: string, help: string, value: (watch: WatchStatus) => number | undefined) =>
    declare.metric({
      name,
      help,
      labelNames: ['kind'],
      read(sample) {
        for (const watch of state.watches()) {
          const number = value(watch)
          if (number !== undefined) sample(number, { kind: watch.name })
        }
      },
    })
  // Of a kind that the API server does not have no watch was lost: an alert on 0 would never end.
  perKind('podroute_watch_connected', '1 while a watch is open', ({ connected, unavailable }) => {
    if (connected) return 1
    return unavailable === 'not-served' ? undefined : 0
  })
  perKind('podroute_watch_objects', 'Objects known', (w) => w.objects)
  perKind('podroute_watch_lists_total', 'Full lists', (w) => w.lists)
  perKind('podroute_watch_events_total', 'Events received', (w) => w.events)
  perKind('podroute_watch_failures_total', 'Lists and watches that failed', (w) => w.failures)
  perKind('podroute_watch_skipped_total', 'Objects that could not be used', (w) => w.skipped)
}
