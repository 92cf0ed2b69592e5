/** Metrics of what this node announces. */
import type { DeclareMetric } from '@podroute/feature/metric.ts'
import type { AnnouncedPrefix } from './report.ts'

export function declareAnnouncementMetrics(
  declare: DeclareMetric,
  announced: () => readonly AnnouncedPrefix[],
): void {
  declare.metric({
    name: 'podroute_announced_prefixes',
    help: 'Prefixes that are to be announced, by what they are of and by what became of them: announced, lowered, shared, withheld',
    labelNames: ['kind', 'state'],
    read(sample) {
      const counts = new Map<string, { readonly kind: string; readonly state: string; count: number }>()
      for (const { kind, state } of announced()) {
        const key = `${kind} ${state}`
        const known = counts.get(key)
        if (known) known.count++
        else counts.set(key, { kind, state, count: 1 })
      }
      for (const { kind, state, count } of counts.values()) sample(count, { kind, state })
    },
  })
}
