/** Best paths to kernel routes, and the refusals: nothing learned ever replaces what the node itself needs. */

import { width } from '@podroute/address/address.ts'
import { type Cidr, contains, parseCidr } from '@podroute/address/cidr.ts'
import { ROUTE_PROTOCOL } from '@podroute/kernel/route-protocol.ts'
import type { Route } from '@podroute/linux/route/routes.ts'
import type { Path } from 'bgp-speaker-ts/snapshot.ts'
import type { ClusterConflict } from './cluster-ranges.ts'

/** Prefixes that no learned route may equal or lie in. */
export interface Protected {
  readonly prefix: Cidr
  readonly reason: 'connected' | 'local-pods' | 'service-cidr'
}

export interface RouteGuard {
  readonly protected: readonly Protected[]
  /** No route of another node may lead there: whoever may create a Node may give it a pod prefix that holds them. */
  readonly apiServers: readonly Cidr[]
  /** Addresses of this node: no next hop. */
  readonly ownAddresses: ReadonlySet<string>
  /** Whether the address is some Node's: a route to it alone would move its traffic. */
  isNodeAddress(address: string): boolean
  /** Whether the address is a Service's virtual address on this node. */
  isVip(address: string): boolean
  /** Whether the peer is a router outside the cluster. */
  isExternal(peer: string): boolean
  /** What of the cluster's own lies in the prefix, or holds it: not to be told by a router outside. */
  clusterConflict(prefix: Cidr): ClusterConflict | undefined
}

export type RouteDecision =
  | { readonly kind: 'install'; readonly route: Route }
  | { readonly kind: 'refuse'; readonly reason: RefuseReason }
  | { readonly kind: 'none' }

export type RefuseReason =
  | Protected['reason']
  | 'bad-prefix'
  | 'default-route'
  | 'node-address'
  | 'vip'
  | 'own-next-hop'
  | ClusterConflict

const MAIN_TABLE = 254
const SCOPE_UNIVERSE = 0

/** What the kernel should have for a best path; `none` for a route of our own, which is the bridge's connected route. */
export function planRoute(best: Path, guard: RouteGuard): RouteDecision {
  if (best.peer === undefined || best.nextHop === undefined) return { kind: 'none' }
  const prefix = parseCidr(best.prefix)
  if (!prefix) return { kind: 'refuse', reason: 'bad-prefix' }
  const reason = refusal(prefix, { peer: best.peer, nextHop: best.nextHop }, guard)
  if (reason) return { kind: 'refuse', reason }
  return {
    kind: 'install',
    route: {
      family: prefix.family,
      destination: prefix.text,
      gateway: best.nextHop,
      table: MAIN_TABLE,
      protocol: ROUTE_PROTOCOL,
      scope: SCOPE_UNIVERSE,
      type: 'unicast',
    },
  }
}

function refusal(
  prefix: Cidr,
  { peer, nextHop }: { readonly peer: string; readonly nextHop: string },
  guard: RouteGuard,
): RefuseReason | undefined {
  const external = guard.isExternal(peer)
  // Of a router it is what the operator named: its import policy has let it in.
  if (prefix.length === 0 && !external) return 'default-route'
  const shield = guard.protected.find((p) => contains(p.prefix, prefix))
  if (shield) return shield.reason
  if (prefix.length === width(prefix.family)) {
    if (guard.isVip(prefix.network)) return 'vip'
    if (guard.isNodeAddress(prefix.network)) return 'node-address'
  }
  if (!external && guard.apiServers.some((host) => contains(prefix, host))) return 'covers-api-server'
  const conflict = external ? guard.clusterConflict(prefix) : undefined
  return conflict ?? (guard.ownAddresses.has(nextHop) ? 'own-next-hop' : undefined)
}
