/**
 * Service addresses as a Resource: one `local` route each, on `lo`, in the kernel's local table. No device carries the address,
 * so nothing picks it as a source or shows it to the kubelet (ARP is a matter of settings.ts).
 */

import { familyOf } from '@podroute/address/address.ts'
import type { Route, RouteOp, RoutesApi } from '@podroute/kernel/kernel.ts'
import type { Op, Outcome, Resource } from '@podroute/reconcile/resource.ts'
import { outcomeOf } from '@podroute/reconcile/resource.ts'

/** The address that the node itself uses towards this VIP; without one the kernel would use the VIP. */
export interface Vip {
  readonly address: string
  readonly source: string
}

/** Our number among the route protocols (RTPROT). */
export const ROUTE_PROTOCOL = 179
export const TABLE_LOCAL = 255
const SCOPE_HOST = 254
/** `lo` is the first interface of every network namespace. */
export const LOOPBACK = 1

export class Vips implements Resource<string, Vip> {
  readonly name = 'vips'
  readonly #routes: RoutesApi

  constructor(routes: RoutesApi) {
    this.#routes = routes
  }

  equal(a: Vip, b: Vip): boolean {
    return a.source === b.source
  }

  async *list(): AsyncIterable<Iterable<readonly [string, Vip]>> {
    yield entriesOf(await this.#routes.list({ table: TABLE_LOCAL, protocol: ROUTE_PROTOCOL }))
  }

  /** Each change of a VIP is announced but for those that `unannounced` counts. */
  async revision(): Promise<string | undefined> {
    return this.#routes.unannounced?.()?.toString()
  }

  async apply(ops: readonly Op<string, Vip>[]): Promise<readonly Outcome[]> {
    return (await this.#routes.apply(ops.map(toRouteOp))).map(outcomeOf)
  }
}

function* entriesOf(routes: readonly Route[]): Iterable<readonly [string, Vip]> {
  for (const route of routes) {
    const vip = vipOf(route)
    if (vip) yield [vip.address, vip]
  }
}

/** The VIP that a route stands for, if it is one of ours. */
export function vipOf(route: Route): Vip | undefined {
  if (route.table !== TABLE_LOCAL || route.protocol !== ROUTE_PROTOCOL || route.type !== 'local')
    return undefined
  const address = route.destination.slice(0, route.destination.indexOf('/'))
  return { address, source: route.source ?? '' }
}

function toRouteOp(op: Op<string, Vip>): RouteOp {
  return { kind: op.kind, route: routeOf(op.kind === 'remove' ? op.previous : op.value) }
}

function routeOf({ address, source }: Vip): Route {
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
