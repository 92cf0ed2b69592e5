/** What the admin socket answers, by path: the agent's own pages and those of its features. */
import type { PlanReport, StatusReport } from '@podroute/agent/admin/reports.ts'
import type { PolicyReport } from '@podroute/network-policy/snapshot.ts'
import type { NodesReport, PeersReport, RoutesReport } from '@podroute/pod-network/pages.ts'
import type { ServicesReport } from '@podroute/service-proxy/page.ts'

export interface Reports {
  readonly '/status': StatusReport
  readonly '/plan': PlanReport
  readonly '/nodes': NodesReport
  readonly '/peers': PeersReport
  readonly '/routes': RoutesReport
  readonly '/services': ServicesReport
  readonly '/policy': PolicyReport
}
