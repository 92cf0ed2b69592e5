/** Makes docs/metrics.md of the metrics that the agent declares. `node deploy/observability/metrics-page.ts` writes it, a test holds it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DeclaredMetric, declaredMetrics } from './declared-metrics.ts'

export const METRICS_PAGE = join(import.meta.dirname, '..', '..', 'docs', 'metrics.md')

const HEAD = `# Metrics

Each agent serves its metrics at \`http://NODE:20245/metrics\`, in the text format of Prometheus. \`metrics\` in the
[configuration](configuration.md) says where, by HTTPS or not, and to whom. Nothing is measured between two scrapes: an agent that nobody scrapes pays nothing.

- \`deploy/observability/prometheus.yaml\` has Prometheus find and scrape the agents; \`servicemonitor.yaml\` beside it is the same for the Prometheus Operator.
  \`npm test -- discovery\` tries it with the discovery of Prometheus 3.8 at a real API server: with the right to list and watch pods of kube-system it finds each agent once, by the name of its Node.
- \`deploy/observability/alerts.yaml\` are alert rules, each with what to do. They know the agents as the job \`podroute\`, as does the dashboard.
- \`deploy/observability/dashboard.json\` is a dashboard for Grafana: take it by Dashboards, New, Import.

The same server has \`/statusz\` (which program this is and since when it runs, KEP-4827) and \`/configz\` (the configuration in effect, without secrets), as components of
Kubernetes have them. With \`metrics.tokenReview\` each path asks for a right of its own: the ClusterRoles \`podroute-metrics-reader\` and \`podroute-zpages-reader\`.

No series has a pod or a connection in its labels: their number follows from the numbers of nodes, routers, tables and kinds.

Names that begin with \`kubeproxy_\` and \`kube_router_\` are kube-proxy's and kube-router's, where the meaning is the same, so that dashboards and alerts
go on working. One flush is for both families here: \`kubeproxy_*\` have no label \`ip_family\`.

`

/** Name, why it is not here, and what to look at. */
const LEFT_OUT: readonly (readonly string[])[] = [
  [
    '`kubeproxy_sync_full_proxy_rules_*`, `kubeproxy_sync_partial_proxy_rules_*`',
    'there is no full sync: only what changed is written',
    '`kubeproxy_sync_proxy_rules_duration_seconds`',
  ],
  [
    '`kubeproxy_sync_proxy_rules_iptables_*`, `kubeproxy_sync_proxy_rules_nftables_*`',
    'there is no rule for each Service',
    '`podroute_table_failing`, `podroute_table_applied`',
  ],
  [
    '`kubeproxy_sync_proxy_rules_no_local_endpoints_total`',
    'it tells traffic policies apart',
    '`podroute_services_without_endpoints`',
  ],
  ['`kubeproxy_conntrack_reconciler_*`', 'flows are not compared with a list', '-'],
  ['`kube_router_service_*`', 'traffic of virtual servers is not read', '`ipvsadm -ln --stats` on the node'],
  [
    '`kube_router_controller_bgp_advertisements_*`',
    'they count best paths that changed',
    '`podroute_bgp_prefixes_*`, `podroute_bgp_messages_*`',
  ],
  [
    '`kube_router_controller_policy_chains`, `kube_router_controller_policy_ipsets`',
    'a chain is for a combination of policies here',
    '`podroute_policy_chains`, `podroute_policy_groups`',
  ],
  [
    '`kube_router_controller_iptables_*`, other `kube_router_*_sync_time`',
    'nothing else is synced as a whole',
    '`podroute_policy_flush_duration_seconds`',
  ],
  ['`kube_router_build_info`', 'its label is the version of Go', '`podroute_info`'],
]

const GROUPS: readonly (readonly [title: string, of: RegExp])[] = [
  ['The agent', /^(podroute_(info|ready|condition|starts|events|log)|process_)/],
  ['What is followed at the API server', /^podroute_watch_/],
  ['Tables: what the node is to have, and has', /^podroute_table_/],
  ['BGP and BFD', /^(podroute_b(gp|fd)_|podroute_announced|kube_router_(bgp|controller_bgp))/],
  ['Routes', /^(podroute_routes|kube_router_host_routes)/],
  ['Services', /^(podroute_service|kubeproxy_|kube_router_controller_ipvs)/],
  ['Pods', /^podroute_pod_/],
  ['Network policy', /^podroute_policy_/],
]

/** @throws Error where a metric has no place on the page */
export function metricsPage(metrics: readonly DeclaredMetric[]): string {
  const placed = new Map<string, DeclaredMetric[]>(GROUPS.map(([title]) => [title, []]))
  for (const metric of metrics) {
    const group = GROUPS.find(([, of]) => of.test(metric.name))
    if (!group) throw new Error(`${metric.name} has no place on docs/metrics.md: add it to GROUPS`)
    placed.get(group[0])!.push(metric)
  }
  const sections = [...placed].map(([title, rows]) => `## ${title}\n\n${table(rows)}`)
  const others = rows(['Name', 'Why', 'Look at'], LEFT_OUT)
  return `${HEAD}${sections.join('\n')}\n## Names of others that are not here\n\n${others}`
}

function table(metrics: readonly DeclaredMetric[]): string {
  const cells = metrics.map(({ name, type, labels, help }) => [
    ...[`\`${name}\``, type, unitOf(name)],
    labels.map((label) => `\`${label}\``).join(', '),
    help,
  ])
  return rows(['Metric', 'Type', 'Unit', 'Labels', 'Meaning'], cells)
}

function rows(head: readonly string[], body: readonly (readonly string[])[]): string {
  const all = [head, ...body]
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |\n`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('')
}

function unitOf(name: string): string {
  if (/timestamp_seconds|start_time_seconds/.test(name)) return 'seconds since 1970'
  if (/_seconds|_sync_time$/.test(name)) return 'seconds'
  if (/_bytes/.test(name)) return 'bytes'
  return ''
}

if (import.meta.main) writeFileSync(METRICS_PAGE, metricsPage(await declaredMetrics()))
