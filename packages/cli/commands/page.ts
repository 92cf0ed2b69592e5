/** `podroute NAME`: a page of a feature. The agent says which there are, and how people see them. */
import { ask, askTables } from '../client.ts'
import type { ReportCommand } from '../command.ts'
import { table } from '../format.ts'

export function page(name: string, summary: string): ReportCommand {
  return {
    name,
    summary,
    ask: (socket) => ask(socket, `/${name}`),
    async show(socket) {
      const { tables } = await askTables(socket, name)
      const shown = tables.map(({ columns, rows, empty }) =>
        rows.length === 0 ? empty : table(columns, rows),
      )
      return shown.filter((text) => text !== '').join('\n\n')
    },
  }
}
