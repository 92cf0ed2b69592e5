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
import { sameNextHops } from './next-hops.ts'

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
    const outcomes = await this.#routes.apply(ops.map(routeOp))
    return outcomes.map((error, i) => {
      // Gone already: IPv4 routes vanish with their interface.
      if (codeOf(error) === 'ESRCH' && ops[i]?.kind === 'remove') return DONE
      return outcomeOf(error)
    })
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

function routeOp(op: Op<string, Route>): RouteOp {
  return op.kind === 'remove' ? { kind: 'remove', route: op.previous } : { kind: op.kind, route: op.value }
}
