/** What the pod network shows of itself: sessions, routes, announcements, and whether what each Node and router needs is in place. */
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import type { Condition } from '@podroute/feature/condition.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Status } from '@podroute/reconcile/status.ts'
import type { TableStats, TableWrites } from '@podroute/reconcile/table.ts'
import type { Bgp } from './bgp/bgp.ts'
import type { MeshRoles } from './bgp/roles/mesh-roles.ts'
import type { BgpTables } from './bgp/tables.ts'
import type { PlanKey } from './keys.ts'
import type { ClusterNodes } from './nodes/cluster-nodes.ts'
import type { PodNetworkOptions } from './options.ts'
import type { Planner } from './planner.ts'
import { type RouteSnapshot, reportRoutes } from './route-sources/route-report.ts'
import type { RouteSources } from './route-sources/route-sources.ts'
import {
  type AnnouncedPrefix,
  type AnnouncementProblem,
  announcedPrefixes,
  type Listener,
} from './service-addresses/report.ts'
import { letsOut } from './service-addresses/told.ts'
import type { PodNetworkSettings } from './settings.ts'
import { type NamedPeer, namedPeers, type PodNetworkSnapshot, snapshot } from './snapshot.ts'
import { type KeyFacts, type KeyReport, reportKeys } from './status.ts'
import type { PodNetworkTables } from './tables.ts'

export interface ViewParts {
  readonly nodeName: string
  readonly clock: Clock
  readonly nodes: ClusterNodes
  readonly tables: PodNetworkTables & BgpTables
  readonly bgp: Bgp
  readonly bfd: Pick<PodNetworkOptions['bfd'], 'stateOf'>
  readonly roles: MeshRoles
  readonly planner: Planner
  readonly routes: RouteSources
  settings(): PodNetworkSettings
  status(key: PlanKey): Status
  stats(): Readonly<Record<string, TableStats>>
  conditions(): readonly Condition[]
}

export class PodNetworkView {
  readonly #parts: ViewParts

  constructor(parts: ViewParts) {
    this.#parts = parts
  }

  snapshot(): PodNetworkSnapshot {
    const { nodeName, nodes, tables, settings, stats, conditions } = this.#parts
    return snapshot({
      ...{ nodeName, nodes, tables, asn: this.asn },
      settings: settings(),
      routes: this.routes(),
      peers: this.peers(),
      stats: stats(),
      conditions: conditions(),
    })
  }

  /** Nodes with the addresses and pod prefixes that are used. */
  nodes(): Iterable<ClusterNode> {
    return this.#parts.nodes.values()
  }

  /** Of this node. */
  get asn(): number {
    return this.#parts.roles.asnOf(this.#parts.nodeName)
  }

  routes(): readonly RouteSnapshot[] {
    const { nodes, tables, routes, bgp } = this.#parts
    return reportRoutes({ nodes, tables, routes, peers: this.peers(), rejected: bgp.sessions.rejected() })
  }

  /** Routes that this run of the agent put into the kernel and took out of it. */
  routeWrites(): TableWrites {
    return this.#parts.tables.routes.writes
  }

  /** Sessions with the names of their nodes. */
  peers(): readonly NamedPeer[] {
    const { bfd, roles, bgp, settings, nodes } = this.#parts
    const pathOf = (peer: string) => bfd.stateOf(peer)
    const roleOf = (node: string) => roles.shownSession(node)
    return namedPeers(bgp.peers(), settings(), nodes, pathOf, roleOf)
  }

  /** What this node announces, to whom, and why not what is switched on. */
  announcements(): readonly AnnouncedPrefix[] {
    const { planner, tables } = this.#parts
    const { announcements } = tables
    const pods = planner.podPrefixes.flatMap((prefix) => announcements.get(prefix) ?? [])
    const missing = (prefix: string) => {
      const status = announcements.status(prefix)
      if (status.kind === 'in-place') return undefined
      return status.kind === 'failed' ? status.error.message : 'the speaker does not have it yet'
    }
    return announcedPrefixes(pods, planner.serviceAddresses.report(), this.#listeners(), missing)
  }

  /** What of annotations of Services means nothing. */
  announcementProblems(): readonly AnnouncementProblem[] {
    return [...this.#parts.planner.serviceAddresses.problems()].flatMap(([service, details]) =>
      details.map((detail) => ({ service, detail })),
    )
  }

  /** Whether what each Node and router needs is in place, since when, and why not. */
  report(): readonly KeyReport[] {
    return reportKeys(this.keyFacts(), this.#parts.clock.now())
  }

  /** What a key's tables and problems follow from. */
  keyFacts(): KeyFacts {
    const { nodeName, nodes, tables, planner, bgp, routes, roles, settings, status } = this.#parts
    return {
      ...{ nodeName, nodes, tables, planner, routes, roles, status },
      settings: settings(),
      sessions: bgp.sessions,
    }
  }

  #listeners(): Listener[] {
    const { bgp, tables } = this.#parts
    const established = bgp.peers().filter(({ state }) => state === 'established')
    return established.map(({ address }): Listener => {
      const policy = tables.peers.get(address)?.exportPolicy
      return { address, tells: (announcement) => !policy || letsOut(policy, announcement) }
    })
  }
}
