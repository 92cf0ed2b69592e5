/** `podroute NAME`: a page of a feature. The agent says which there are, and how people see them. */
import { setTimeout } from 'node:timers/promises'
import type { PageArgument, PageQuery } from '@podroute/feature/page.ts'
import { ask, askTables } from '../client.ts'
import { table } from '../format.ts'
import type { Asked, ReportCommand } from '../report.ts'
import type { Style } from '../style.ts'

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
    report: async ({ socket, query }) => ({
      data: () => ask(socket, `/${name}${searchOf(query)}`),
      text: (style) => shown(socket, name, query, style),
    }),
    ...(follows ? { follow: (asked, write) => follow(name, asked, write) } : {}),
  }
}

async function shown(socket: string, name: string, query: PageQuery, style: Style): Promise<string> {
  const { tables } = await askTables(socket, name, searchOf(query))
  const texts = tables.map(({ columns, rows, empty }) =>
    rows.length === 0 ? empty : table(columns, rows, style),
  )
  return texts.filter((text) => text !== '').join('\n\n')
}

function searchOf(query: PageQuery): string {
  const search = new URLSearchParams(query).toString()
  return search === '' ? '' : `?${search}`
}

/** The first table's rows as they come, its columns once. Resolves when it is ended. */
async function follow(
  name: string,
  { socket, query, style, signal }: Asked,
  write: (text: string) => void,
): Promise<void> {
  let after = ''
  for (let columns: readonly string[] | undefined; !signal.aborted; ) {
    const { tables, next = '' } = await askTables(socket, name, searchOf({ ...query, after }))
    const [first] = tables
    if (next !== '') after = next
    if (first && first.rows.length > 0) {
      const text = table(first.columns, first.rows, style)
      write(`${columns ? text.slice(text.indexOf('\n') + 1) : text}\n`)
      columns = first.columns
    }
    await setTimeout(PAUSE, undefined, { signal }).catch(() => {})
  }
}
