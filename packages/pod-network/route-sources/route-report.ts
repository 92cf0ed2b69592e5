/** What `podroute routes` shows: each route with all its next hops, whom it was learned of, and why others are refused. */
import { gatewaysOf } from '@podroute/kernel/routes/next-hops.ts'
import type { Route } from '@podroute/linux/route/routes.ts'
import { codeOf } from '@podroute/reconcile/resource.ts'
import type { PeerSnapshot, RejectedPath } from 'bgp-speaker-ts/snapshot.ts'
import type { ClusterNodes } from '../nodes/cluster-nodes.ts'
import type { PodNetworkTables } from '../tables.ts'
import type { RouteSources } from './route-sources.ts'

export interface RouteSnapshot {
  readonly destination: string
  /** The next hop, or the first of several; '' for what is refused. */
  readonly gateway: string
  /** All next hops. */
  readonly gateways: readonly string[]
  /**
   * `stale`: the peer restarts, and repeats it or not (RFC 4724). `kept`: its session is lost, the route stays for now. `refused`: it is
   * not used.
   */
  readonly state: 'installed' | 'pending' | 'failed' | 'stale' | 'kept' | 'refused'
  /** Name of the Node that it leads to, or ''. */
  readonly node: string
  /** Names of the peers that it was learned of, the best path's first: its node, a router, or a reflector. `API`: of the Node object. */
  readonly from: readonly string[]
  /** The error, or the name of the rule that refuses it. */
  readonly detail: string
}

/** A session, by the address of its peer. */
type Session = Pick<PeerSnapshot, 'address' | 'stale'> & { readonly name: string }

export interface RouteReportInput {
  readonly nodes: Pick<ClusterNodes, 'withAddress' | 'withPodCidr'>
  readonly tables: Pick<PodNetworkTables, 'routes'>
  readonly routes: Pick<RouteSources, 'refused' | 'isRetained' | 'waysTo' | 'isFromNode'>
  readonly peers: readonly Session[]
  /** Announcements that policy keeps out, and looped ones. */
  readonly rejected: Iterable<RejectedPath>
}

export function reportRoutes(input: RouteReportInput): RouteSnapshot[] {
  const { tables, routes, peers, rejected } = input
  const failures = new Map(tables.routes.failures())
  const byAddress = new Map(peers.map((peer) => [peer.address, peer]))
  const nameOf = (peer: string) => byAddress.get(peer)?.name ?? peer
  const found = Array.from(tables.routes.desired(), ([destination, route]) =>
    describe(route, failures.get(destination), byAddress, input),
  )
  const refuse = (destination: string, detail: string, from: readonly string[]) =>
    found.push({ destination, gateway: '', gateways: [], state: 'refused', node: '', from, detail })
  for (const [prefix, reason] of routes.refused)
    refuse(
      prefix,
      reason,
      routes.waysTo(prefix).map(({ peer = '' }) => nameOf(peer)),
    )
  for (const { prefix, peer, reason } of rejected) refuse(prefix, reason, [nameOf(peer)])
  return found
}

function describe(
  route: Route,
  error: Error | undefined,
  peers: ReadonlyMap<string, Session>,
  { nodes, tables, routes }: RouteReportInput,
): RouteSnapshot {
  const { destination } = route
  const gateways = gatewaysOf(route)
  const told = routes.waysTo(destination).map(({ peer = '' }) => peer)
  // Another program has a route there, which stays.
  const isForeign = codeOf(error) === 'EEXIST'
  const family = route.family === 4 ? 'ipv4-unicast' : 'ipv6-unicast'
  const isStale = told.length > 0 && told.every((peer) => peers.get(peer)?.stale?.includes(family) === true)
  return {
    destination,
    gateway: gateways[0] ?? '',
    gateways,
    state: isForeign
      ? 'refused'
      : error
        ? 'failed'
        : routes.isRetained(destination)
          ? 'kept'
          : tables.routes.acknowledged(destination) === undefined
            ? 'pending'
            : isStale
              ? 'stale'
              : 'installed',
    node: (nodes.withPodCidr(destination) ?? nodes.withAddress(gateways[0] ?? ''))?.name ?? '',
    from: routes.isFromNode(destination) ? ['API'] : told.map((peer) => peers.get(peer)?.name ?? peer),
    detail: isForeign ? 'foreign-route' : (error?.message ?? ''),
  }
}
