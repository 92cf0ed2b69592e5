/**
 * Addresses that the node takes for its own without a device that carries them, as a Resource: one `local` route each, on `lo`, in
 * the kernel's local table. So nothing picks the address as a source or shows it to the kubelet; ARP is a matter of `arp_ignore`
 * and `arp_announce`.
 */

import { familyOf } from '@podroute/address/address.ts'
import type { Op, Outcome, Resource } from '@podroute/reconcile/resource.ts'
import { outcomeOf } from '@podroute/reconcile/resource.ts'
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

export class LocalRouteResource implements Resource<string, LocalRoute> {
  readonly name: string
  readonly #routes: RoutesApi

  /** @param name what these addresses are to whoever wants them */
  constructor(routes: RoutesApi, name: string) {
    this.#routes = routes
    this.name = name
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
    return (await this.#routes.apply(ops.map(toRouteOp))).map(outcomeOf)
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
  const address = route.destination.slice(0, route.destination.indexOf('/'))
  return { address, source: route.source ?? '' }
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
