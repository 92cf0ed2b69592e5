import { expect } from 'chai'
import { declareRouteMetrics } from './route-metrics.ts'
import type { RouteSnapshot } from './route-report.ts'

const route = (more: Partial<RouteSnapshot>): RouteSnapshot => ({
  ...{ destination: '10.244.2.0/24', gateway: '172.30.0.12', gateways: ['172.30.0.12'] },
  ...{ state: 'installed', node: 'node-2', from: ['node-2'], detail: '' },
  ...more,
})

describe('metrics of routes', () => {
  const samples = (routes: readonly RouteSnapshot[]) => {
    const found: string[] = []
    declareRouteMetrics(
      {
        metric({ name, read }) {
          read((value, labels = {} as never) => found.push(`${name} ${Object.values(labels)} ${value}`))
        },
        own() {},
      },
      () => routes,
      () => ({ added: 5, removed: 2 }),
    )
    return found
  }

  it('count them by state, the refused ones by rule, and those with several next hops', () => {
    const found = samples([
      route({}),
      route({ gateways: ['172.30.0.100', '172.30.0.101'] }),
      route({ state: 'kept' }),
      route({ state: 'refused', detail: 'connected' }),
      route({ state: 'refused', detail: 'connected' }),
      route({ state: 'refused', detail: 'vip' }),
    ])
    expect(found).to.deep.equal([
      ...['podroute_routes installed 2', 'podroute_routes pending 0', 'podroute_routes failed 0'],
      ...['podroute_routes stale 0', 'podroute_routes kept 1', 'podroute_routes refused 3'],
      ...['podroute_routes_refused connected 2', 'podroute_routes_refused vip 1'],
      'podroute_routes_multipath  1',
      'kube_router_host_routes_synced  3',
      ...['kube_router_host_routes_added  5', 'kube_router_host_routes_removed  2'],
    ])
  })

  it('are zero, and not absent, where there is no route', () => {
    expect(samples([])).to.include.members([
      'podroute_routes installed 0',
      'kube_router_host_routes_synced  0',
    ])
  })
})
