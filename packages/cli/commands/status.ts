/** `podroute status`: does this node have its network, and what is missing. */
import type { StatusReport } from '@podroute/agent/admin/reports.ts'
import { duration } from '@podroute/feature/duration.ts'
import { askStatus } from '../client.ts'
import { dash, fields, megabytes, table } from '../format.ts'
import type { ReportCommand } from '../report.ts'
import type { Style } from '../style.ts'

export const status: ReportCommand = {
  name: 'status',
  summary: 'whether this node has its network, and what is missing',
  async report({ socket }) {
    const report = await askStatus(socket)
    return { data: () => report, text: (style) => statusText(report, style) }
  },
}

function statusText(report: StatusReport, style: Style): string {
  const parts = [
    overview(report, style),
    conditions(report, style),
    failingWatches(report, style),
    tables(report, style),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

function overview(report: StatusReport, style: Style): string {
  const entries = [
    ['node', report.nodeName] as const,
    ['ready', report.ready ? 'yes' : 'no'] as const,
    ...report.summary.map(([name, value]) => [name, dash(value)] as const),
    ['API server', apiServer(report)] as const,
    ['agent', `${report.version}, up ${duration(report.uptime)}, ${megabytes(report.rss)}`] as const,
    ['starts', starts(report)] as const,
  ]
  return fields(entries, style)
}

function starts({ runs: { starts, previous } }: StatusReport): string {
  const count = `${starts} since the node booted`
  if (!previous) return count
  return `${count}; the last run ended${previous.ended ? ` at ${previous.ended}` : ''}: ${previous.reason}`
}

function apiServer({ apiServer, watches }: StatusReport): string {
  if (apiServer === '') return 'not found yet'
  return watches.some(isLost) ? `${apiServer} (see below)` : apiServer
}

/** A kind that the API server does not have is no watch that was lost: none of it is all there is. */
function isLost({ connected, unavailable }: StatusReport['watches'][number]): boolean {
  return !connected && unavailable !== 'not-served'
}

function failingWatches({ watches }: StatusReport, style: Style): string {
  const failing = watches.filter(isLost)
  if (failing.length === 0) return ''
  return table(
    ['OBJECTS', 'KNOWN', 'NOT FOLLOWED NOW'],
    failing.map(({ name, objects, lastError }) => [name, String(objects), dash(lastError)]),
    style,
  )
}

function conditions(report: StatusReport, style: Style): string {
  return table(
    ['CONDITION', 'STATE', 'DETAIL'],
    report.conditions.map((condition) => [condition.name, stateOf(condition), condition.detail]),
    style,
  )
}

function stateOf({ ok, advisory }: StatusReport['conditions'][number]): string {
  if (ok) return 'ok'
  return advisory ? 'look' : 'missing'
}

function tables(report: StatusReport, style: Style): string {
  const rows = Object.entries(report.tables).map(([name, s]) => [
    name,
    ...[s.desired, s.applied, s.pending, s.failed, s.repaired].map(String),
  ])
  return table(['TABLE', 'DESIRED', 'APPLIED', 'PENDING', 'FAILING', 'REPAIRED'], rows, style)
}
