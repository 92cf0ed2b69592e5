/** `podroute plan`: what the agent still has to change, and why it could not yet. */
import { askPlan } from '../client.ts'
import { table } from '../format.ts'
import type { ReportCommand } from '../report.ts'

export const plan: ReportCommand = {
  name: 'plan',
  summary: 'changes that are still to be made, and why they failed',
  async report({ socket }) {
    const report = await askPlan(socket)
    return {
      data: () => report,
      text(style) {
        if (report.pending.length === 0) return 'nothing to do'
        return table(
          ['TABLE', 'CHANGE', 'KEY', 'LAST ERROR'],
          report.pending.map((change) => [change.table, change.kind, change.key, change.error]),
          style,
        )
      },
    }
  },
}
