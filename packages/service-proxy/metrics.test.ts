import { declareWith } from '@podroute/feature/declare-metric.ts'
import { expect } from 'chai'
import { Registry } from 'prom-client'
import { ProxyMetrics } from './metrics.ts'

const START = Date.parse('2026-01-02T03:04:00Z')

describe("kube-proxy's metrics", () => {
  let now: number
  let metrics: ProxyMetrics
  let registry: Registry
  const text = () => registry.metrics()

  beforeEach(() => {
    now = START
    metrics = new ProxyMetrics(() => now)
    registry = new Registry()
    metrics.declare(declareWith(registry), () => ({
      ...{ services: 4, withoutEndpoints: 1, servers: 6 },
      problems: new Map([['CONFLICT', 2]]),
    }))
  })

  it('have these names and types', async () => {
    const all = (await registry.getMetricsAsJSON()).map(({ name, type }) => `${name} ${type}`)
    expect(all.sort()).to.deep.equal([
      'kube_router_controller_ipvs_services gauge',
      'kube_router_controller_ipvs_services_sync_time histogram',
      'kubeproxy_network_programming_duration_seconds histogram',
      'kubeproxy_proxy_healthz_total counter',
      'kubeproxy_proxy_livez_total counter',
      'kubeproxy_sync_proxy_rules_duration_seconds histogram',
      'kubeproxy_sync_proxy_rules_endpoint_changes_pending gauge',
      'kubeproxy_sync_proxy_rules_endpoint_changes_total counter',
      'kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds gauge',
      'kubeproxy_sync_proxy_rules_last_timestamp_seconds gauge',
      'kubeproxy_sync_proxy_rules_service_changes_pending gauge',
      'kubeproxy_sync_proxy_rules_service_changes_total counter',
      'podroute_service_problems gauge',
      'podroute_services gauge',
      'podroute_services_without_endpoints gauge',
    ])
  })

  it('count changes until a flush that began after them is over', async () => {
    metrics.changed('service')
    metrics.changed('endpoint')
    now += 10
    metrics.changed('endpoint')
    now += 5
    metrics.flushed(8)
    expect(metrics.lastFlush).to.equal(now)
    expect(await text())
      .to.match(/service_changes_pending 0\n/)
      .and.match(/endpoint_changes_pending 1\n/)
      .and.match(/endpoint_changes_total 2\n/)
      .and.match(/sync_proxy_rules_duration_seconds_count 1\n/)
      .and.match(/last_queued_timestamp_seconds 1767323040.01\n/)
      .and.match(/rules_last_timestamp_seconds 1767323040.015\n/)
  })

  it('measure from what happened to a Pod, unless that was before the start or is not known', async () => {
    now += 5000
    metrics.changed('endpoint', '2026-01-02T03:04:02Z')
    metrics.changed('endpoint', '2026-01-02T03:03:59Z')
    metrics.changed('endpoint', 'soon')
    metrics.changed('endpoint')
    now += 500
    metrics.flushed(100)
    expect(await text())
      .to.match(/network_programming_duration_seconds_count 1\n/)
      .and.match(/network_programming_duration_seconds_sum 3.5\n/)
  })

  it('count Services, what of them cannot be used, and virtual servers', async () => {
    expect(await text())
      .to.match(/podroute_services 4\n/)
      .and.match(/podroute_services_without_endpoints 1\n/)
      .and.match(/podroute_service_problems\{code="CONFLICT"\} 2\n/)
      .and.match(/kube_router_controller_ipvs_services 6\n/)
  })

  it('count answers by their status', async () => {
    metrics.answered('healthz', 503)
    metrics.answered('livez', 200)
    expect(await text())
      .to.match(/kubeproxy_proxy_healthz_total\{code="503"\} 1\n/)
      .and.match(/kubeproxy_proxy_livez_total\{code="200"\} 1\n/)
  })
})
