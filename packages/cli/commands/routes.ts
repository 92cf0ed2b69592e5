/** `podroute routes`: learned routes and what became of them. */
import type { ReportCommand } from '../command.ts'
import { dash, table } from '../format.ts'

export const routes: ReportCommand<'/routes'> = {
  name: 'routes',
  summary: 'learned routes, and those that were refused',
  page: '/routes',
  print: (report) =>
    report.routes.length === 0
      ? 'no routes'
      : table(
          ['DESTINATION', 'VIA', 'NODE', 'STATE', 'DETAIL'],
          report.routes.map((r) => [r.destination, dash(r.gateway), dash(r.node), r.state, r.detail]),
        ),
}
