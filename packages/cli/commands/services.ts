/** `podroute services`: virtual addresses and where they lead. */
import type { ServicesReport } from '@podroute/agent/admin/reports.ts'
import type { ReportCommand } from '../command.ts'
import { dash, table } from '../format.ts'

export const services: ReportCommand<'/services'> = {
  name: 'services',
  summary: 'virtual addresses of Services and where they lead',
  page: '/services',
  print(report) {
    const list =
      report.services.length === 0
        ? 'no services'
        : table(['SERVICE', 'ORIGIN', 'ADDRESS', 'SCHEDULER', 'ENDPOINTS'], rows(report))
    return report.problems.length === 0 ? list : `${list}\n\n${problems(report)}`
  },
}

function rows(report: ServicesReport): string[][] {
  return report.services.flatMap(({ service, frontends }) =>
    frontends.map((f) => {
      const host = f.address.includes(':') ? `[${f.address}]` : f.address
      return [
        service,
        f.origin,
        `${f.protocol} ${host}:${f.number}`,
        f.scheduler,
        dash(f.endpoints.join(' ')),
      ]
    }),
  )
}

function problems(report: ServicesReport): string {
  return table(
    ['PROBLEM', 'OBJECT', 'DETAIL'],
    report.problems.map((p) => [p.code, p.object, p.detail]),
  )
}
