/** What the admin socket answers, as types that the command line shares. */

import type { WatchStatus } from '@podroute/cluster/watch/resource-watch.ts'
import type { NamedPeer, NodeSnapshot, PendingChange, RouteSnapshot } from '@podroute/pod-network/snapshot.ts'
import type { TableStats } from '@podroute/reconcile/table.ts'
import type { ServiceSnapshot } from '@podroute/service-proxy/snapshot.ts'
import type { AgentCondition } from '../conditions.ts'

export interface StatusReport {
  readonly version: string
  readonly nodeName: string
  readonly ready: boolean
  /** Seconds since the start. */
  readonly uptime: number
  /** Resident memory in bytes. */
  readonly rss: number
  readonly conditions: readonly AgentCondition[]
  readonly apiServer: string
  readonly watches: readonly WatchStatus[]
  readonly node: NodeSnapshot | undefined
  readonly asn: number | undefined
  readonly peersUp: number
  readonly peers: number
  readonly routes: number
  readonly services: number
  readonly tables: Readonly<Record<string, TableStats>>
}

export interface PeersReport {
  readonly peers: readonly NamedPeer[]
}

export interface RoutesReport {
  readonly routes: readonly RouteSnapshot[]
}

export interface ServicesReport {
  readonly services: readonly ServiceSnapshot[]
  readonly problems: readonly { readonly code: string; readonly object: string; readonly detail: string }[]
}

export interface PlanReport {
  readonly pending: readonly PendingChange[]
}

/** Pages of the socket. */
export interface Reports {
  readonly '/status': StatusReport
  readonly '/peers': PeersReport
  readonly '/routes': RoutesReport
  readonly '/services': ServicesReport
  readonly '/plan': PlanReport
}
