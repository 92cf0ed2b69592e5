/** `podroute plan`: what the agent still has to change, and why it could not yet. */
import { askPlan } from '../client.ts'
import type { ReportCommand } from '../command.ts'
import { table } from '../format.ts'

export const plan: ReportCommand = {
  name: 'plan',
  summary: 'changes that are still to be made, and why they failed',
  ask: askPlan,
  async show(socket) {
    const { pending } = await askPlan(socket)
    if (pending.length === 0) return 'nothing to do'
    return table(
      ['TABLE', 'CHANGE', 'KEY', 'LAST ERROR'],
      pending.map((change) => [change.table, change.kind, change.key, change.error]),
    )
  },
}
