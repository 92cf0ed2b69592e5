/** Routes of one table under one protocol number, by destination. */
import type { RouteType } from '@podroute/linux/route/route-message.ts'
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
import type { NextHopsApi, RoutesApi } from '../kernel.ts'
import type { KernelChanges } from '../monitors.ts'
import { RouteError } from './errors.ts'
import { NextHopGroups } from './next-hop-groups.ts'
import { sameNextHops } from './next-hops.ts'

/** IP6_RT_PRIO_USER of linux/ipv6_route.h. */
const IPV6_PRIORITY = 1024

export interface RouteOptions {
  /** Number of the routing table. */
  readonly table: number
  /** Route protocol number (RTPROT) of what is ours: no other route of the table is looked at. */
  readonly protocol: number
  /** Only routes of this type are ours; absent: all. */
  readonly type?: RouteType
  readonly changes?: KernelChanges
  /** Where the kernel has them: flows over the ways that stay are not moved by a change of the others. */
  readonly nextHops?: NextHopsApi | undefined
}

export class RouteResource implements Resource<string, Route> {
  readonly name: string
  readonly #routes: RoutesApi
  readonly #options: RouteOptions
  readonly #groups: NextHopGroups | undefined
  /** Counts what happened to links since changes are followed: IPv4 routes go with their interface without an announcement. */
  #linkChanges: number | undefined

  constructor(routes: RoutesApi, options: RouteOptions, name = 'routes') {
    this.name = name
    const { nextHops, protocol } = options
    this.#routes = routes
    this.#options = options
    this.#groups = nextHops && new NextHopGroups(nextHops, routes, protocol)
  }

  /** By what we decide: the kernel fills in interface, scope and IPv6's metric, and says of no next hop which one it takes first. */
  equal(a: Route, b: Route): boolean {
    return a.destination === b.destination && a.type === b.type && sameNextHops(a, b)
  }

  async *list(): AsyncIterable<Iterable<readonly [string, Route]>> {
    const { table, protocol } = this.#options
    const all = await this.#routes.list({ table, protocol })
    const routes = all.filter((route) => this.#isOurs(route))
    for (const route of routes) this.#groups?.learn(route)
    yield routes.map((route) => [route.destination, route])
  }

  /** Each change of a route is announced but for those that `unannounced` counts, and what links and next hop groups take with them. */
  async revision(): Promise<string | undefined> {
    const unannounced = this.#routes.unannounced?.()
    if (unannounced === undefined || this.#linkChanges === undefined || this.#groups?.inUse) return undefined
    return `${unannounced} ${this.#linkChanges}`
  }

  #isOurs(route: Route): boolean {
    const { table, protocol, type } = this.#options
    return route.protocol === protocol && route.table === table && (type === undefined || route.type === type)
  }

  async apply(ops: readonly Op<string, Route>[]): Promise<readonly Outcome[]> {
    const foreign = await this.#foreignTo(ops)
    const ours = ops.filter((op) => !foreign.has(op.key))
    const outcomes = await this.#applyOurs(ours)
    const taken = new RouteError('another program has a route to this destination')
    return ops.map((op) => outcomes.get(op) ?? { ok: false, error: taken })
  }

  async #applyOurs(ops: readonly Op<string, Route>[]): Promise<ReadonlyMap<unknown, Outcome>> {
    const groups = this.#groups
    const put = ops.flatMap((op) => (op.kind === 'remove' ? [] : [op.value]))
    const ids = (await groups?.prepare(put)) ?? new Map<string, number>()
    const routeOps = ops.map((op) => routeOp(op, ids.get(op.key), groups?.has(op.key)))
    const errors = await this.#routes.apply(routeOps)
    const outcomes = ops.map((op, i) => outcomeFor(op, errors[i]))
    for (const [i, { kind, route }] of routeOps.entries()) {
      if (!outcomes[i]!.ok) continue
      if (kind === 'remove') groups?.forget(route.destination)
      else groups?.learn(route)
    }
    await groups?.sweep().catch(() => {})
    return new Map(ops.map((op, i) => [op, outcomes[i]!]))
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
    const { changes } = this.#options
    const groups = this.#groups
    const isOurs = (route: Route) => this.#isOurs(route)
    if (!changes) return { [Symbol.dispose]() {} }
    const subscription = changes.subscribe({
      onRoute(change, route) {
        if (!isOurs(route)) return
        if (change === 'add') groups?.learn(route)
        else groups?.forget(route.destination)
        touched(route.destination, change === 'add' ? { kind: 'present', value: route } : { kind: 'absent' })
      },
      // The kernel takes next hops out of groups as their interface goes down, says so of no route, and puts none back.
      onLink: () => {
        this.#linkChanges = (this.#linkChanges ?? 0) + 1
        for (const destination of groups?.destinations() ?? []) touched(destination)
      },
    })
    this.#linkChanges ??= 0
    return {
      [Symbol.dispose]: () => {
        this.#linkChanges = undefined
        subscription[Symbol.dispose]()
      },
    }
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

/** @param group that it is to have @param hadGroup its ways are a group's: it would not be found by the ways that it is known to have */
function routeOp(op: Op<string, Route>, group: number | undefined, hadGroup = false): RouteOp {
  if (op.kind === 'remove')
    return { kind: 'remove', route: hadGroup ? withoutWays(op.previous) : op.previous }
  return {
    kind: op.kind,
    route: group === undefined ? withoutId(op.value) : { ...op.value, nextHopId: group },
  }
}

function withoutWays({ gateway, nextHops, interfaceIndex, nextHopId, ...route }: Route): Route {
  return route
}

/** One that was read has the ID of a group that may be gone. */
function withoutId({ nextHopId, ...route }: Route): Route {
  return route
}
