/** `podroute NAME`: a page of a feature. The agent says which there are, and how people see them. */
import type { PageArgument, PageQuery } from '@podroute/feature/page.ts'
import { ask, askTables } from '../client.ts'
import type { ReportCommand } from '../command.ts'
import { table } from '../format.ts'

export function page(name: string, summary: string, given: readonly PageArgument[] = []): ReportCommand {
  return {
    name,
    summary,
    arguments: given,
    ask: (socket, query) => ask(socket, `/${name}${searchOf(query)}`),
    async show(socket, query) {
      const { tables } = await askTables(socket, name, searchOf(query))
      const shown = tables.map(({ columns, rows, empty }) =>
        rows.length === 0 ? empty : table(columns, rows),
      )
      return shown.filter((text) => text !== '').join('\n\n')
    },
  }
}

function searchOf(query: PageQuery): string {
  const search = new URLSearchParams(query).toString()
  return search === '' ? '' : `?${search}`
}
