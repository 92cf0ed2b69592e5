/** Ways to a prefix to kernel routes, and the refusals: nothing learned ever replaces what the node itself needs. */

import { width } from '@podroute/address/address.ts'
import { type Cidr, contains, parseCidr } from '@podroute/address/cidr.ts'
import { ROUTE_PROTOCOL } from '@podroute/kernel/route-protocol.ts'
import type { NextHop } from '@podroute/linux/route/route-message.ts'
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

/** How next hops are reached from here. */
export interface Reach {
  /** Undefined while that is not known. */
  hopsTo(address: string): readonly NextHop[] | undefined
  /** Most next hops of a route. */
  maxPaths(): number
}

/** One way to a prefix, as a peer or the API server tells it. Every `Path` fits. */
export type Way = Pick<Path, 'prefix' | 'peer' | 'nextHop'>

export type RouteDecision =
  | { readonly kind: 'install'; readonly route: Route }
  | { readonly kind: 'refuse'; readonly reason: RefuseReason }
  /** It is not known yet how the next hop is reached: what there is stays. */
  | { readonly kind: 'wait' }
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

/**
 * What the kernel should have for ways of equal cost, the best one first; `none` for a route of our own, which is the bridge's connected
 * route. Each way is judged by itself.
 */
export function planRoute(ways: readonly Way[], guard: RouteGuard, reach: Reach): RouteDecision {
  const [best] = ways
  if (best?.peer === undefined || best.nextHop === undefined) return { kind: 'none' }
  const prefix = parseCidr(best.prefix)
  if (!prefix) return { kind: 'refuse', reason: 'bad-prefix' }
  const told = ways.filter((way): way is Told => way.peer !== undefined && way.nextHop !== undefined)
  const reasons = told.map((way) => refusal(prefix, way, guard))
  const taken = told.filter((_, i) => reasons[i] === undefined)
  if (taken.length === 0) return { kind: 'refuse', reason: reasons[0]! }
  const hops = hopsOf(taken, guard, reach)
  return hops ? { kind: 'install', route: routeTo(prefix, hops) } : { kind: 'wait' }
}

/** A peer's way, not one of our own. */
type Told = Way & { readonly peer: string; readonly nextHop: string }

/** Pods are at one node: of two that claim the same pods half of the flows would be lost at each. */
function hopsOf(
  [best, ...others]: readonly Told[],
  guard: RouteGuard,
  reach: Reach,
): readonly NextHop[] | undefined {
  const alone = guard.isNodeAddress(best!.nextHop)
  const hops = new Map<string, NextHop>()
  for (const { nextHop } of alone ? [best!] : [best!, ...others]) {
    const found = reach.hopsTo(nextHop)
    if (!found) return undefined
    for (const hop of found) hops.set(`${hop.gateway} ${hop.interfaceIndex}`, hop)
  }
  return [...hops.values()].slice(0, reach.maxPaths())
}

function routeTo(prefix: Cidr, hops: readonly NextHop[]): Route {
  return {
    family: prefix.family,
    destination: prefix.text,
    ...(hops.length === 1 ? hops[0] : { nextHops: hops }),
    table: MAIN_TABLE,
    protocol: ROUTE_PROTOCOL,
    scope: SCOPE_UNIVERSE,
    type: 'unicast',
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
