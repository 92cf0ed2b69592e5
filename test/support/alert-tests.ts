/** Tests of the alert rules for `promtool test rules`: what makes each alert fire, and a cluster where all is well. */

export interface Alert {
  readonly alert: string
  readonly expr: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

/** Labels that every series of an agent has. */
const AGENT = { job: 'podroute', instance: 'node-1' } as const
const PEER = { ...AGENT, peer: '172.30.0.12', name: 'node-2' } as const

type Labels = Readonly<Record<string, string>>

interface Cause {
  /** Series with the values of a minute each, as promtool writes them. */
  readonly series: readonly (readonly [name: string, labels: Labels, values: string])[]
  /** Labels of the alert beside its severity. */
  readonly labels: Labels
}

const one = (name: string, labels: Labels, values: string): Cause => ({
  series: [[name, labels, values]],
  labels,
})
const HOLDS = (value: number) => `${value}x90`
const GROWS = (step: number) => `0+${step}x90`

const CAUSES: Readonly<Record<string, Cause>> = {
  PodrouteAgentAway: one('up', AGENT, HOLDS(0)),
  PodrouteNotReady: one('podroute_ready', AGENT, HOLDS(0)),
  PodrouteRestarts: one('podroute_starts_total', AGENT, '1+1x90'),
  PodrouteConfigurationRefused: one('podroute_condition', { ...AGENT, condition: 'configuration' }, HOLDS(0)),
  PodrouteApiServerAway: {
    series: ['nodes', 'services'].map((kind) => ['podroute_watch_connected', { ...AGENT, kind }, HOLDS(0)]),
    labels: AGENT,
  },
  PodrouteWatchStale: {
    series: [
      ['podroute_watch_connected', { ...AGENT, kind: 'nodes' }, HOLDS(1)],
      ['podroute_watch_connected', { ...AGENT, kind: 'pods' }, HOLDS(0)],
    ],
    labels: { ...AGENT, kind: 'pods' },
  },
  PodrouteSessionDown: one('podroute_bgp_session_up', PEER, HOLDS(0)),
  PodrouteSessionFlaps: one('podroute_bgp_sessions_established_total', PEER, GROWS(1)),
  PodroutePathLost: one('podroute_bfd_session_up', PEER, HOLDS(0)),
  PodrouteRoutesRejected: one(
    'podroute_bgp_rejected_total',
    { ...PEER, reason: 'not-in-pod-cidrs' },
    GROWS(1),
  ),
  PodrouteRoutesFailing: one('podroute_routes', { ...AGENT, state: 'failed' }, HOLDS(1)),
  PodrouteRoutesKept: one('podroute_routes', { ...AGENT, state: 'kept' }, HOLDS(2)),
  PodrouteWritesFailing: one('podroute_table_failing', { ...AGENT, table: 'pod-network/routes' }, HOLDS(1)),
  PodrouteDriftRepaired: one(
    'podroute_table_repaired_total',
    { ...AGENT, table: 'service-proxy/vips' },
    GROWS(2),
  ),
  PodrouteServiceWithoutEndpoints: {
    ...one('podroute_services_without_endpoints', AGENT, HOLDS(1)),
    labels: { job: 'podroute' },
  },
  PodrouteServiceRefused: {
    ...one('podroute_service_problems', { ...AGENT, code: 'CONFLICT' }, HOLDS(1)),
    labels: { job: 'podroute', code: 'CONFLICT' },
  },
  PodrouteProgrammingSlow: {
    series: [
      ['kubeproxy_network_programming_duration_seconds_bucket', { ...AGENT, le: '30' }, HOLDS(0)],
      ['kubeproxy_network_programming_duration_seconds_bucket', { ...AGENT, le: '60' }, GROWS(10)],
      ['kubeproxy_network_programming_duration_seconds_bucket', { ...AGENT, le: '+Inf' }, GROWS(10)],
    ],
    labels: AGENT,
  },
  PodroutePolicyDrops: one(
    'podroute_policy_denied_packets_total',
    { ...AGENT, direction: 'ingress' },
    GROWS(1200),
  ),
  PodroutePolicyUnusable: {
    ...one('podroute_policy_problems', AGENT, HOLDS(1)),
    labels: { job: 'podroute' },
  },
  PodrouteMemory: {
    series: [
      ['process_resident_memory_bytes', AGENT, HOLDS(300 * 1024 * 1024)],
      ['podroute_watch_objects', { ...AGENT, kind: 'nodes' }, HOLDS(100)],
      ['podroute_watch_objects', { ...AGENT, kind: 'services' }, HOLDS(100)],
    ],
    labels: AGENT,
  },
}

/** A cluster in which things change and some failed once, and nobody needs to be called. */
const WELL: Cause['series'] = [
  ['up', AGENT, HOLDS(1)],
  ['podroute_ready', AGENT, `0x3 ${HOLDS(1)}`],
  ['podroute_starts_total', AGENT, `1x30 2x60`],
  ['podroute_condition', { ...AGENT, condition: 'configuration' }, HOLDS(1)],
  ['podroute_watch_connected', { ...AGENT, kind: 'nodes' }, `1x20 0x3 1x70`],
  ['podroute_watch_connected', { ...AGENT, kind: 'pods' }, `1x20 0x5 1x70`],
  ['podroute_bgp_session_up', PEER, `0x3 ${HOLDS(1)}`],
  ['podroute_bgp_sessions_established_total', PEER, `1x30 2x60`],
  ['podroute_bfd_session_up', PEER, HOLDS(1)],
  ['podroute_bgp_rejected_total', { ...PEER, reason: 'vip' }, HOLDS(7)],
  ['podroute_routes', { ...AGENT, state: 'installed' }, HOLDS(9)],
  ['podroute_routes', { ...AGENT, state: 'failed' }, HOLDS(0)],
  ['podroute_routes', { ...AGENT, state: 'kept' }, `0x20 2x5 0x70`],
  ['podroute_table_failing', { ...AGENT, table: 'pod-network/routes' }, `0x20 1x2 0x70`],
  ['podroute_table_repaired_total', { ...AGENT, table: 'service-proxy/vips' }, `0x30 1x60`],
  ['podroute_services_without_endpoints', AGENT, `0x20 1x5 0x70`],
  ['kubeproxy_network_programming_duration_seconds_bucket', { ...AGENT, le: '0.5' }, GROWS(10)],
  ['kubeproxy_network_programming_duration_seconds_bucket', { ...AGENT, le: '+Inf' }, GROWS(10)],
  ['podroute_policy_denied_packets_total', { ...AGENT, direction: 'ingress' }, GROWS(60)],
  ['podroute_policy_problems', AGENT, HOLDS(0)],
  ['process_resident_memory_bytes', AGENT, HOLDS(90 * 1024 * 1024)],
  ['podroute_watch_objects', { ...AGENT, kind: 'nodes' }, HOLDS(100)],
]

/** @throws Error where an alert has no cause here */
export function alertTests(rules: string, alerts: readonly Alert[]): object {
  const firing = alerts.map(({ alert, labels, annotations }) => {
    const cause = CAUSES[alert]
    if (!cause) throw new Error(`${alert}: say in CAUSES what makes it fire`)
    const fired = {
      exp_labels: { ...labels, ...cause.labels },
      exp_annotations: Object.fromEntries(
        Object.entries(annotations).map(([key, text]) => [key, fill(text, cause.labels)]),
      ),
    }
    return test(cause.series, [expected(alert, [fired])])
  })
  const quiet = test(
    WELL,
    alerts.map(({ alert }) => expected(alert, [])),
  )
  return { rule_files: [rules], evaluation_interval: '1m', tests: [...firing, quiet] }
}

/** Names of metrics in an expression. */
export function metricsOf(expr: string): string[] {
  return expr.match(/\b(podroute|kubeproxy|kube_router|process)_\w+/g) ?? []
}

function test(series: Cause['series'], alerts: readonly object[]): object {
  const input = series.map(([name, labels, values]) => {
    const written = Object.entries(labels).map(([key, value]) => `${key}="${value}"`)
    return { series: `${name}{${written.join(',')}}`, values }
  })
  return { interval: '1m', input_series: input, alert_rule_test: alerts }
}

function expected(alertname: string, alerts: readonly object[]): object {
  return { eval_time: '1h', alertname, exp_alerts: alerts }
}

function fill(text: string, labels: Labels): string {
  return text.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_all, name: string) => labels[name] ?? '')
}
