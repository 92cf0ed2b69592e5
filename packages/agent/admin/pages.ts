/** Pages of the admin socket: the agent's state as JSON, read when asked. */

import type { WatchStatus } from '@podroute/cluster/watch/resource-watch.ts'
import type { PodNetwork } from '@podroute/pod-network/pod-network.ts'
import type { TableStats } from '@podroute/reconcile/table.ts'
import { agentConditions, isReady } from '../conditions.ts'
import { type Handler, json } from '../http.ts'
import type { ServiceRunner } from '../services.ts'
import type { PeersReport, PlanReport, RoutesReport, ServicesReport, StatusReport } from './reports.ts'

export interface AgentState {
  readonly version: string
  readonly nodeName: string
  readonly network: PodNetwork | undefined
  readonly services: ServiceRunner | undefined
  readonly apiServer: () => string
  readonly watches: () => readonly WatchStatus[]
}

export function adminPages(state: AgentState): Handler {
  const pages: Readonly<Record<string, () => unknown>> = {
    '/status': () => status(state),
    '/peers': (): PeersReport => ({ peers: state.network?.snapshot().peers ?? [] }),
    '/routes': (): RoutesReport => ({ routes: state.network?.snapshot().routes ?? [] }),
    '/services': (): ServicesReport => ({
      services: state.services?.proxy.snapshot() ?? [],
      problems: state.services?.proxy.problems() ?? [],
    }),
    '/plan': (): PlanReport => ({ pending: [...(state.network?.pending() ?? [])] }),
  }
  return (path) => {
    const page = pages[path]
    return page && json(page())
  }
}

function status(state: AgentState): StatusReport {
  const network = state.network?.snapshot()
  const conditions = agentConditions(state.network, state.services)
  const peers = network?.peers ?? []
  return {
    version: state.version,
    nodeName: state.nodeName,
    ready: isReady(conditions),
    uptime: process.uptime(),
    rss: process.memoryUsage.rss(),
    conditions,
    apiServer: state.apiServer(),
    watches: state.watches(),
    node: network?.node,
    asn: network?.asn,
    peersUp: peers.filter((peer) => peer.state === 'established').length,
    peers: peers.length,
    routes: network?.routes.filter((route) => route.state === 'installed').length ?? 0,
    services: state.services?.proxy.snapshot().length ?? 0,
    tables: tableStats(state),
  }
}

/** Tables of all parts, each under the part's name: two parts may have a table of one name. */
export function tableStats(state: AgentState): Readonly<Record<string, TableStats>> {
  const parts = { network: state.network?.stats(), services: state.services?.proxy.stats() }
  const named = Object.entries(parts).flatMap(([part, tables]) =>
    Object.entries(tables ?? {}).map(([table, stats]) => [`${part}/${table}`, stats] as const),
  )
  return Object.fromEntries(named)
}
