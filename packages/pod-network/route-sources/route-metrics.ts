/** Metrics of the routes to pods and of learned ones. */
import type { DeclareMetric } from '@podroute/feature/metric.ts'
import type { TableWrites } from '@podroute/reconcile/table.ts'
import type { RouteSnapshot } from './route-report.ts'

const STATES: readonly RouteSnapshot['state'][] = [
  'installed',
  'pending',
  'failed',
  'stale',
  'kept',
  'refused',
]
/** There, whoever announces it still. */
const IN_KERNEL: readonly RouteSnapshot['state'][] = ['installed', 'stale', 'kept']

export function declareRouteMetrics(
  declare: DeclareMetric,
  routes: () => readonly RouteSnapshot[],
  writes: () => TableWrites,
): void {
  declare.metric({
    name: 'podroute_routes',
    help: 'Routes by their state, as podroute routes shows it',
    labelNames: ['state'],
    read(sample) {
      const counts = countBy(routes(), ({ state }) => state)
      for (const state of STATES) sample(counts.get(state) ?? 0, { state })
    },
  })
  declare.metric({
    name: 'podroute_routes_refused',
    help: 'Routes that are not used, by the name of the rule that refuses them',
    labelNames: ['reason'],
    read(sample) {
      const refused = routes().filter(({ state }) => state === 'refused')
      for (const [reason, count] of countBy(refused, ({ detail }) => detail)) sample(count, { reason })
    },
  })
  declare.metric({
    name: 'podroute_routes_multipath',
    help: 'Routes with several next hops (ECMP)',
    read: (sample) => sample(routes().filter(({ gateways }) => gateways.length > 1).length),
  })
  declare.metric({
    name: 'kube_router_host_routes_synced',
    help: 'Routes of podroute in the kernel, by the name that kube-router has for them',
    read: (sample) => sample(routes().filter(({ state }) => IN_KERNEL.includes(state)).length),
  })
  const written = (name: string, help: string, value: (writes: TableWrites) => number) =>
    declare.metric({ name, help, type: 'counter', read: (sample) => sample(value(writes())) })
  written(
    'kube_router_host_routes_added',
    'Routes that were added to the kernel, by the name that kube-router has for it',
    ({ added }) => added,
  )
  written(
    'kube_router_host_routes_removed',
    'Routes that were removed from the kernel, by the name that kube-router has for it',
    ({ removed }) => removed,
  )
}

function countBy(
  routes: readonly RouteSnapshot[],
  keyOf: (route: RouteSnapshot) => string,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const route of routes) counts.set(keyOf(route), (counts.get(keyOf(route)) ?? 0) + 1)
  return counts
}
