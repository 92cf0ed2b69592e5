/** Unicast routes of one table under one protocol number, by destination. */
import type { Route, RouteOp } from '@podroute/linux/route/routes.ts'
import {
  codeOf,
  DONE,
  type Observation,
  type Op,
  type Outcome,
  outcomeOf,
  type Resource,
} from '@podroute/reconcile/resource.ts'
import type { RoutesApi } from '../kernel.ts'
import type { KernelChanges } from '../monitors.ts'
import { RouteError } from './errors.ts'
import { sameNextHops } from './next-hops.ts'

/** IP6_RT_PRIO_USER of linux/ipv6_route.h. */
const IPV6_PRIORITY = 1024

export interface RouteOptions {
  /** Number of the routing table. */
  readonly table: number
  /** Route protocol number (RTPROT) of what is ours: no other route of the table is looked at. */
  readonly protocol: number
  readonly changes?: KernelChanges
}

export class RouteResource implements Resource<string, Route> {
  readonly name = 'routes'
  readonly #routes: RoutesApi
  readonly #options: RouteOptions

  constructor(routes: RoutesApi, options: RouteOptions) {
    this.#routes = routes
    this.#options = options
  }

  /** By what we decide: the kernel fills in interface, scope and IPv6's metric, and says of no next hop which one it takes first. */
  equal(a: Route, b: Route): boolean {
    return a.destination === b.destination && a.type === b.type && sameNextHops(a, b)
  }

  async *list(): AsyncIterable<Iterable<readonly [string, Route]>> {
    const { table, protocol } = this.#options
    const routes = await this.#routes.list({ table, protocol })
    yield routes.map((route) => [route.destination, route])
  }

  async apply(ops: readonly Op<string, Route>[]): Promise<readonly Outcome[]> {
    const foreign = await this.#foreignTo(ops)
    const ours = ops.filter((op) => !foreign.has(op.key))
    const errors = await this.#routes.apply(ours.map(routeOp))
    const outcomes = new Map(ours.map((op, i) => [op, outcomeFor(op, errors[i])]))
    const taken = new RouteError('another program has a route to this destination')
    return ops.map((op) => outcomes.get(op) ?? { ok: false, error: taken })
  }

  /**
   * Destinations that are to be replaced where the route is somebody else's by now: ours went without an announcement, with its
   * interface, and the kernel would replace whatever is there.
   */
  async #foreignTo(ops: readonly Op<string, Route>[]): Promise<ReadonlySet<string>> {
    const replaced = new Map(ops.flatMap((op) => (op.kind === 'replace' ? [[op.key, op.value]] : [])))
    if (replaced.size === 0) return new Set()
    const { table, protocol } = this.#options
    const others = await this.#routes.list({ table, notProtocol: protocol })
    const same = others.filter((other) => {
      const route = replaced.get(other.destination)
      return route !== undefined && priorityOf(route) === priorityOf(other)
    })
    return new Set(same.map(({ destination }) => destination))
  }

  watch(touched: (key: string, observation?: Observation<Route>) => void): Disposable {
    const { table, protocol, changes } = this.#options
    if (!changes) return { [Symbol.dispose]() {} }
    return changes.subscribe({
      onRoute(change, route) {
        if (route.protocol !== protocol || route.table !== table) return
        touched(route.destination, change === 'add' ? { kind: 'present', value: route } : { kind: 'absent' })
      },
    })
  }
}

function outcomeFor({ kind }: Op<string, Route>, error: Error | null | undefined): Outcome {
  // Gone already: IPv4 routes vanish with their interface.
  return kind === 'remove' && codeOf(error) === 'ESRCH' ? DONE : outcomeOf(error)
}

/** The kernel has one route of each destination and priority; IPv6 has a default that is not zero. */
function priorityOf({ family, priority }: Route): number {
  return priority || (family === 6 ? IPV6_PRIORITY : 0)
}

function routeOp(op: Op<string, Route>): RouteOp {
  return op.kind === 'remove' ? { kind: 'remove', route: op.previous } : { kind: op.kind, route: op.value }
}
