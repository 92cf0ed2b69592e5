/** `podroute plan`: what the agent still has to change, and why it could not yet. */
import type { PlanReport } from '@podroute/agent/admin/reports.ts'
import { askPlan } from '../client.ts'
import type { ReportCommand } from '../command.ts'
import { table } from '../format.ts'

export const plan: ReportCommand<PlanReport> = {
  name: 'plan',
  summary: 'changes that are still to be made, and why they failed',
  ask: askPlan,
  print: ({ pending }) =>
    pending.length === 0
      ? 'nothing to do'
      : table(
          ['TABLE', 'CHANGE', 'KEY', 'LAST ERROR'],
          pending.map((change) => [change.table, change.kind, change.key, change.error]),
        ),
}
