/** Learned routes in the kernel: unicast routes of the main table under our own protocol number. */
import type { RoutesApi } from '@podroute/kernel/kernel.ts'
import type { KernelChanges } from '@podroute/kernel/monitors.ts'
import type { Route, RouteOp } from '@podroute/linux/route/routes.ts'
import { TABLE_MAIN } from '@podroute/linux/route/rtnetlink.ts'
import {
  codeOf,
  DONE,
  type Observation,
  type Op,
  type Outcome,
  outcomeOf,
  type Resource,
} from '@podroute/reconcile/resource.ts'
import { ROUTE_PROTOCOL } from '../settings.ts'

export class RouteResource implements Resource<string, Route> {
  readonly name = 'routes'
  readonly #routes: RoutesApi
  readonly #changes: KernelChanges | undefined

  constructor(routes: RoutesApi, changes?: KernelChanges) {
    this.#routes = routes
    this.#changes = changes
  }

  /** By what we decide: the kernel fills in interface, scope and IPv6's metric. */
  equal(a: Route, b: Route): boolean {
    return a.destination === b.destination && a.gateway === b.gateway && a.type === b.type
  }

  async *list(): AsyncIterable<Iterable<readonly [string, Route]>> {
    const routes = await this.#routes.list({ table: TABLE_MAIN, protocol: ROUTE_PROTOCOL })
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
    if (!this.#changes) return { [Symbol.dispose]() {} }
    return this.#changes.subscribe({
      onRoute(change, route) {
        if (!isOurs(route)) return
        touched(route.destination, change === 'add' ? { kind: 'present', value: route } : { kind: 'absent' })
      },
    })
  }
}

function routeOp(op: Op<string, Route>): RouteOp {
  return op.kind === 'remove' ? { kind: 'remove', route: op.previous } : { kind: op.kind, route: op.value }
}

function isOurs(route: Route): boolean {
  return route.protocol === ROUTE_PROTOCOL && route.table === TABLE_MAIN
}
