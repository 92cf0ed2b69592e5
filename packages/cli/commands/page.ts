/** `podroute NAME`: a page of a feature. The agent says which there are, and how people see them. */
import { setTimeout } from 'node:timers/promises'
import type { PageArgument, PageQuery } from '@podroute/feature/page.ts'
import { ask, askTables } from '../client.ts'
import type { ReportCommand } from '../command.ts'
import { table } from '../format.ts'

/** Milliseconds between two questions for what came meanwhile. */
const PAUSE = 1000

export function page(
  name: string,
  summary: string,
  { arguments: given = [], follows = false }: { arguments?: readonly PageArgument[]; follows?: boolean } = {},
): ReportCommand {
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
    ...(follows ? { follow: (...args) => follow(name, ...args) } : {}),
  }
}

function searchOf(query: PageQuery): string {
  const search = new URLSearchParams(query).toString()
  return search === '' ? '' : `?${search}`
}

/** The first table's rows as they come, its columns once. Never resolves. */
async function follow(
  name: string,
  socket: string,
  query: PageQuery,
  write: (text: string) => void,
): Promise<void> {
  let after = ''
  for (let columns: readonly string[] | undefined; ; await setTimeout(PAUSE)) {
    const { tables, next = '' } = await askTables(socket, name, searchOf({ ...query, after }))
    const [first] = tables
    if (next !== '') after = next
    if (!first || first.rows.length === 0) continue
    const text = table(first.columns, first.rows)
    write(`${columns ? text.slice(text.indexOf('\n') + 1) : text}\n`)
    columns = first.columns
  }
}
