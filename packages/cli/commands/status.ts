/** `podroute status`: does this node have its network, and what is missing. */
import type { StatusReport } from '@podroute/agent/admin/reports.ts'
import { duration } from '@podroute/feature/duration.ts'
import { askStatus } from '../client.ts'
import type { ReportCommand } from '../command.ts'
import { dash, fields, megabytes, table } from '../format.ts'

export const status: ReportCommand = {
  name: 'status',
  summary: 'whether this node has its network, and what is missing',
  ask: askStatus,
  async show(socket) {
    const report = await askStatus(socket)
    const parts = [overview(report), conditions(report), failingWatches(report), tables(report)]
    return parts.filter((part) => part !== '').join('\n\n')
  },
}

function overview(report: StatusReport): string {
  return fields([
    ['node', report.nodeName],
    ['ready', report.ready ? 'yes' : 'no'],
    ...report.summary.map(([name, value]) => [name, dash(value)] as const),
    ['API server', apiServer(report)],
    ['agent', `${report.version}, up ${duration(report.uptime)}, ${megabytes(report.rss)}`],
    ['starts', starts(report)],
  ])
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

function failingWatches({ watches }: StatusReport): string {
  const failing = watches.filter(isLost)
  if (failing.length === 0) return ''
  return table(
    ['OBJECTS', 'KNOWN', 'NOT FOLLOWED NOW'],
    failing.map(({ name, objects, lastError }) => [name, String(objects), dash(lastError)]),
  )
}

function conditions(report: StatusReport): string {
  return table(
    ['CONDITION', 'STATE', 'DETAIL'],
    report.conditions.map((condition) => [condition.name, stateOf(condition), condition.detail]),
  )
}

function stateOf({ ok, advisory }: StatusReport['conditions'][number]): string {
  if (ok) return 'ok'
  return advisory ? 'look' : 'missing'
}

function tables(report: StatusReport): string {
  const rows = Object.entries(report.tables).map(([name, s]) => [
    name,
    ...[s.desired, s.applied, s.pending, s.failed, s.repaired].map(String),
  ])
  return table(['TABLE', 'DESIRED', 'APPLIED', 'PENDING', 'FAILING', 'REPAIRED'], rows)
}
