/** Metrics of every table: what is wanted, what is there, what is under way. */

import type { DeclareMetric } from '@podroute/feature/metric.ts'
import type { TableStats } from '@podroute/reconcile/table.ts'
import { type AgentState, tableStats } from '../admin/pages.ts'

const COLUMNS: Readonly<Record<keyof TableStats, readonly [name: string, help: string]>> = {
  desired: ['podroute_table_desired', 'Things that a table wants'],
  applied: ['podroute_table_applied', 'Things that were acknowledged'],
  pending: ['podroute_table_pending', 'Changes that are still to be made'],
  failed: ['podroute_table_failing', 'Changes that failed last time and are tried again'],
  repaired: ['podroute_table_repaired_total', 'Things put back after somebody else changed them'],
}

export function declareTableMetrics(declare: DeclareMetric, state: AgentState): void {
  for (const column of Object.keys(COLUMNS) as (keyof TableStats)[]) {
    const [name, help] = COLUMNS[column]
    declare.metric({
      name,
      help,
      labelNames: ['table'],
      read(sample) {
        for (const [table, stats] of Object.entries(tableStats(state))) sample(stats[column], { table })
      },
    })
  }
}
