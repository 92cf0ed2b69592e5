/** `podroute status`: does this node have its network, and what is missing. */
import type { StatusReport } from '@podroute/agent/admin/reports.ts'
import type { ReportCommand } from '../command.ts'
import { dash, duration, fields, megabytes, table } from '../format.ts'

export const status: ReportCommand<'/status'> = {
  name: 'status',
  summary: 'whether this node has its network, and what is missing',
  page: '/status',
  print(report) {
    return [overview(report), conditions(report), tables(report)].join('\n\n')
  },
}

function overview(report: StatusReport): string {
  return fields([
    ['node', report.nodeName],
    ['ready', report.ready ? 'yes' : 'no'],
    ['pod prefixes', dash(report.node?.podCIDRs.join(', '))],
    ['addresses', dash(report.node?.addresses.join(', '))],
    ['AS number', dash(report.asn?.toString())],
    ['peers', `${report.peersUp} of ${report.peers} up`],
    ['routes', String(report.routes)],
    ['services', String(report.services)],
    ['API server', apiServer(report)],
    ['agent', `${report.version}, up ${duration(report.uptime)}, ${megabytes(report.rss)}`],
  ])
}

function apiServer({ apiServer, watches }: StatusReport): string {
  const away = watches.find((watch) => !watch.connected)
  if (apiServer === '') return `not found yet${away?.lastError ? `: ${away.lastError}` : ''}`
  return away ? `${apiServer} (no connection${away.lastError ? `: ${away.lastError}` : ''})` : apiServer
}

function conditions(report: StatusReport): string {
  return table(
    ['CONDITION', 'STATE', 'DETAIL'],
    report.conditions.map(({ name, ok, detail }) => [name, ok ? 'ok' : 'missing', detail]),
  )
}

function tables(report: StatusReport): string {
  const rows = Object.entries(report.tables).map(([name, s]) => [
    name,
    ...[s.desired, s.applied, s.pending, s.failed, s.repaired].map(String),
  ])
  return table(['TABLE', 'DESIRED', 'APPLIED', 'PENDING', 'FAILING', 'REPAIRED'], rows)
}
