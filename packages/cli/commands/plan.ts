/** `podroute plan`: what the agent still has to change, and why it could not yet. */
import type { ReportCommand } from '../command.ts'
import { table } from '../format.ts'

export const plan: ReportCommand<'/plan'> = {
  name: 'plan',
  summary: 'changes that are still to be made, and why they failed',
  page: '/plan',
  print: (report) =>
    report.pending.length === 0
      ? 'nothing to do'
      : table(
          ['TABLE', 'CHANGE', 'KEY', 'LAST ERROR'],
          report.pending.map((p) => [p.table, p.kind, p.key, p.error]),
        ),
}
