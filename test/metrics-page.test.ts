import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { declaredMetrics } from '../deploy/observability/declared-metrics.ts'
import { METRICS_PAGE, metricsPage } from '../deploy/observability/metrics-page.ts'

describe('docs/metrics.md', () => {
  it('has each metric that an agent declares: node deploy/observability/metrics-page.ts writes it', async () => {
    expect(readFileSync(METRICS_PAGE, 'utf8')).to.equal(metricsPage(await declaredMetrics()))
  })

  it('names those of kube-proxy and kube-router with the types that they have there', async () => {
    const metrics = await declaredMetrics()
    const theirs = metrics.filter(({ name }) => /^kube/.test(name)).map(({ name, type }) => `${name} ${type}`)
    expect(theirs).to.include.members([
      'kube_router_bgp_peer_info gauge',
      'kube_router_controller_ipvs_services gauge',
      'kube_router_controller_ipvs_services_sync_time histogram',
      'kube_router_host_routes_added counter',
      'kube_router_host_routes_removed counter',
      'kube_router_host_routes_synced gauge',
      'kubeproxy_sync_proxy_rules_duration_seconds histogram',
      'kubeproxy_sync_proxy_rules_service_changes_pending gauge',
    ])
  })
})
