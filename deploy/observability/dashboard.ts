/** Makes dashboard.json for Grafana. `node deploy/observability/dashboard.ts` writes it; then `npm run format`. A test holds it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const DASHBOARD = join(import.meta.dirname, 'dashboard.json')

interface Query {
  readonly expr: string
  /** Labels in double braces are filled in. */
  readonly legend: string
}

interface Panel {
  readonly title: string
  readonly kind: 'stat' | 'timeseries'
  /** Of Grafana: `s`, `bytes`, `short`. */
  readonly unit?: string
  readonly queries: readonly Query[]
}

interface Row {
  readonly title: string
  readonly panels: readonly Panel[]
}

/** What the variables at the top of the dashboard choose. */
const CHOSEN = 'job="$job", instance=~"$node"'
/** Columns of Grafana's grid. */
const WIDTH = 24
const HEIGHT = { stat: 4, timeseries: 8 }

const q = (expr: string, legend = '{{instance}}'): Query => ({ expr: expr.replaceAll('@', CHOSEN), legend })
const stat = (title: string, expr: string): Panel => ({ title, kind: 'stat', queries: [q(expr, '')] })
const graph = (title: string, unit: string, ...queries: readonly Query[]): Panel => ({
  ...{ title, kind: 'timeseries', unit, queries },
})

const ROWS: readonly Row[] = [
  {
    title: 'Cluster',
    panels: [
      stat('Agents that answer', 'sum(up{@})'),
      stat('Nodes that are not ready', 'count(podroute_ready{@} == 0) or vector(0)'),
      stat('Sessions that are down', 'count(podroute_bgp_session_up{@} == 0) or vector(0)'),
      stat('Routes that fail', 'sum(podroute_routes{@, state="failed"})'),
      stat('Writes that fail', 'sum(podroute_table_failing{@})'),
      stat('Services without endpoints', 'max(podroute_services_without_endpoints{@})'),
    ],
  },
  {
    title: 'BGP and routes',
    panels: [
      graph('Sessions that are up', 'short', q('sum by (instance) (podroute_bgp_session_up{@})')),
      graph('Routes by state', 'short', q('sum by (state) (podroute_routes{@})', '{{state}}')),
      graph('Routes refused', 'short', q('sum by (reason) (podroute_routes_refused{@})', '{{reason}}')),
      graph(
        'Announcements not taken',
        'short',
        q('sum by (name, reason) (increase(podroute_bgp_rejected_total{@}[5m]))', '{{name}} {{reason}}'),
      ),
      graph(
        'BGP messages',
        'short',
        q('sum(rate(podroute_bgp_messages_received_total{@}[5m]))', 'received'),
        q('sum(rate(podroute_bgp_messages_sent_total{@}[5m]))', 'sent'),
      ),
      graph(
        'Prefixes announced',
        'short',
        q('sum by (kind, state) (podroute_announced_prefixes{@})', '{{kind}} {{state}}'),
      ),
    ],
  },
  {
    title: 'Services',
    panels: [
      graph(
        'Services and virtual servers of a node',
        'short',
        q('max(podroute_services{@})', 'Services'),
        q('max(kube_router_controller_ipvs_services{@})', 'virtual servers'),
      ),
      graph(
        'From a change to the kernel, 99th percentile',
        's',
        q(
          'histogram_quantile(0.99, sum by (le) (rate(kubeproxy_network_programming_duration_seconds_bucket{@}[5m])))',
          'change of a pod to the kernel',
        ),
        q(
          'histogram_quantile(0.99, sum by (le) (rate(kubeproxy_sync_proxy_rules_duration_seconds_bucket{@}[5m])))',
          'one flush',
        ),
      ),
      graph(
        'Changes',
        'short',
        q('sum(rate(kubeproxy_sync_proxy_rules_service_changes_total{@}[5m]))', 'Services'),
        q('sum(rate(kubeproxy_sync_proxy_rules_endpoint_changes_total{@}[5m]))', 'endpoints'),
      ),
      graph('Problems of Services', 'short', q('max by (code) (podroute_service_problems{@})', '{{code}}')),
    ],
  },
  {
    title: 'Network policy',
    panels: [
      graph(
        'Packets that were dropped',
        'pps',
        q(
          'sum by (instance, direction) (rate(podroute_policy_denied_packets_total{@}[5m]))',
          '{{instance}} {{direction}}',
        ),
      ),
      graph(
        'Policies, and combinations of them',
        'short',
        q('max(podroute_policy_policies{@})', 'policies'),
        q('sum(podroute_policy_chains{@})', 'combinations on all nodes'),
      ),
    ],
  },
  {
    title: 'Agents',
    panels: [
      graph('Memory', 'bytes', q('process_resident_memory_bytes{@}')),
      graph('CPU', 'percentunit', q('rate(process_cpu_seconds_total{@}[5m])')),
      graph(
        'Put back after somebody else changed it',
        'short',
        q(
          'sum by (instance, table) (increase(podroute_table_repaired_total{@}[5m]))',
          '{{instance}} {{table}}',
        ),
      ),
      graph('Changes still to be made', 'short', q('sum by (instance) (podroute_table_pending{@})')),
      graph(
        'Watches that are open, by kind',
        'short',
        q('sum by (kind) (podroute_watch_connected{@})', '{{kind}}'),
      ),
      graph('Objects known', 'short', q('max by (kind) (podroute_watch_objects{@})', '{{kind}}')),
    ],
  },
]

/** Each query of the dashboard with the title of its panel. */
export function dashboardQueries(): readonly { readonly title: string; readonly expr: string }[] {
  return ROWS.flatMap(({ panels }) =>
    panels.flatMap(({ title, queries }) => queries.map(({ expr }) => ({ title, expr }))),
  )
}

export function dashboard(): object {
  return {
    title: 'podroute',
    uid: 'podroute',
    tags: ['podroute', 'kubernetes', 'network'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    timezone: 'browser',
    templating: { list: VARIABLES },
    annotations: { list: [RESTARTS] },
    panels: placed(),
  }
}

const DATASOURCE = { type: 'prometheus', uid: '$datasource' }

const VARIABLES = [
  { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' },
  variable('job', 'label_values(podroute_info, job)', false),
  variable('node', 'label_values(podroute_info{job="$job"}, instance)', true),
]

const RESTARTS = {
  name: 'Agents start',
  datasource: DATASOURCE,
  enable: true,
  iconColor: 'orange',
  expr: 'process_start_time_seconds{job="$job", instance=~"$node"} * 1000',
  useValueForTime: true,
  titleFormat: 'agent started',
  textFormat: '{{instance}}',
}

function variable(name: string, query: string, many: boolean): object {
  return {
    ...{ name, label: name, type: 'query', datasource: DATASOURCE, query, refresh: 2, sort: 1 },
    ...{
      multi: many,
      includeAll: many,
      ...(many ? { allValue: '.+', current: { text: 'All', value: '$__all' } } : {}),
    },
  }
}

/** From left to right, a new line where the grid is full. */
function placed(): object[] {
  const all: object[] = []
  let y = 0
  for (const { title, panels } of ROWS) {
    all.push({
      type: 'row',
      title,
      collapsed: false,
      id: all.length + 1,
      gridPos: { x: 0, y: y++, w: WIDTH, h: 1 },
      panels: [],
    })
    const w = WIDTH / (panels[0]!.kind === 'stat' ? panels.length : 2)
    const h = HEIGHT[panels[0]!.kind]
    for (const [index, panel] of panels.entries()) {
      const line = Math.floor((index * w) / WIDTH)
      const gridPos = { x: (index * w) % WIDTH, y: y + line * h, w, h }
      all.push({ ...drawn(panel), id: all.length + 1, gridPos })
    }
    y += Math.ceil((panels.length * w) / WIDTH) * h
  }
  return all
}

function drawn({ title, kind, unit = 'short', queries }: Panel): object {
  const targets = queries.map(({ expr, legend }, index) => ({
    refId: String.fromCharCode(65 + index),
    datasource: DATASOURCE,
    expr,
    legendFormat: legend,
    ...(kind === 'stat' ? { instant: true } : {}),
  }))
  return {
    type: kind,
    title,
    datasource: DATASOURCE,
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    targets,
  }
}

if (import.meta.main) writeFileSync(DASHBOARD, `${JSON.stringify(dashboard(), undefined, 2)}\n`)
