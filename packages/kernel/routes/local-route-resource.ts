/**
 * Addresses that the node takes for its own without a device that carries them, as a Resource: one `local` route each, on `lo`, in
 * the kernel's local table. So nothing picks the address as a source or shows it to the kubelet; ARP is a matter of `arp_ignore`
 * and `arp_announce`.
 */

import { familyOf } from '@podroute/address/address.ts'
import type { Op, Outcome, Resource } from '@podroute/reconcile/resource.ts'
import { codeOf, outcomeOf } from '@podroute/reconcile/resource.ts'
import type { Route, RouteOp, RoutesApi } from '../kernel.ts'
import { ROUTE_PROTOCOL } from '../route-protocol.ts'

export interface LocalRoute {
  readonly address: string
  /** What the node itself uses towards the address; without one the kernel would use the address. */
  readonly source: string
}

export const TABLE_LOCAL = 255
const SCOPE_HOST = 254
/** `lo` is the first interface of every network namespace. */
const LOOPBACK = 1

/** Whether a route of somebody else, which IPv4 does not have beside ours, may give way to it. */
export type MayReplace = (other: Route) => Promise<boolean>

export class LocalRouteResource implements Resource<string, LocalRoute> {
  readonly name: string
  readonly #routes: RoutesApi
  readonly #mayReplace: MayReplace

  /** @param name what these addresses are to whoever wants them */
  constructor(routes: RoutesApi, name: string, mayReplace: MayReplace = async () => false) {
    this.#routes = routes
    this.name = name
    this.#mayReplace = mayReplace
  }

  equal(a: LocalRoute, b: LocalRoute): boolean {
    return a.source === b.source
  }

  async *list(): AsyncIterable<Iterable<readonly [string, LocalRoute]>> {
    yield entriesOf(await this.#routes.list({ table: TABLE_LOCAL, protocol: ROUTE_PROTOCOL }))
  }

  /** Each change of such a route is announced but for those that `unannounced` counts. */
  async revision(): Promise<string | undefined> {
    return this.#routes.unannounced?.()?.toString()
  }

  async apply(ops: readonly Op<string, LocalRoute>[]): Promise<readonly Outcome[]> {
    const errors = await this.#routes.apply(ops.map(toRouteOp))
    const taken = ops.filter((op, index) => op.kind === 'add' && codeOf(errors[index]) === 'EEXIST')
    const replaced = taken.length === 0 ? new Map<string, Outcome>() : await this.#replace(taken)
    return ops.map((op, index) => replaced.get(op.key) ?? outcomeOf(errors[index]))
  }

  /** Puts ours in the place of what others have there, where that may be. */
  async #replace(ops: readonly Op<string, LocalRoute>[]): Promise<ReadonlyMap<string, Outcome>> {
    const there = await this.#routes.list({ table: TABLE_LOCAL })
    const others = new Map(there.map((route) => [addressOf(route), route]))
    const replaceable: Op<string, LocalRoute>[] = []
    for (const op of ops) {
      const other = others.get(op.key)
      if (other && other.protocol !== ROUTE_PROTOCOL && (await this.#mayReplace(other))) replaceable.push(op)
    }
    const errors = await this.#routes.apply(
      replaceable.map((op) => ({ kind: 'replace', route: toRouteOp(op).route })),
    )
    return new Map(replaceable.map(({ key }, index) => [key, outcomeOf(errors[index])]))
  }
}

function* entriesOf(routes: readonly Route[]): Iterable<readonly [string, LocalRoute]> {
  for (const route of routes) {
    const local = localRouteOf(route)
    if (local) yield [local.address, local]
  }
}

/** The address that a route stands for, if it is one of ours. */
export function localRouteOf(route: Route): LocalRoute | undefined {
  if (route.table !== TABLE_LOCAL || route.protocol !== ROUTE_PROTOCOL || route.type !== 'local')
    return undefined
  return { address: addressOf(route), source: route.source ?? '' }
}

function addressOf({ destination }: Route): string {
  return destination.slice(0, destination.indexOf('/'))
}

function toRouteOp(op: Op<string, LocalRoute>): RouteOp {
  return { kind: op.kind, route: routeOf(op.kind === 'remove' ? op.previous : op.value) }
}

function routeOf({ address, source }: LocalRoute): Route {
  const family = familyOf(address)
  return {
    family,
    destination: `${address}/${family === 4 ? 32 : 128}`,
    interfaceIndex: LOOPBACK,
    table: TABLE_LOCAL,
    protocol: ROUTE_PROTOCOL,
    scope: family === 4 ? SCOPE_HOST : 0,
    type: 'local',
    ...(source && { source }),
  }
}
