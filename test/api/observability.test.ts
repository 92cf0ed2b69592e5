/** Alerts and dashboard, by the real Prometheus: linted, each alert made to fire by promtool, and each query asked of what a real agent serves. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { parse, stringify } from 'yaml'
import { dashboardQueries } from '../../deploy/observability/dashboard.ts'
import { attempt } from '../../lab/command.ts'
import { AgentCluster } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { makeAgentPod } from '../support/agent-pods.ts'
import { type Alert, alertTests, metricsOf } from '../support/alert-tests.ts'
import { eventually } from '../support/eventually.ts'
import { ALERTS, type Discovery, Prometheus, shippedDiscovery } from '../support/prometheus.ts'
import { type FoundPod, targetsOf } from '../support/prometheus-targets.ts'

/** Queries and metrics that have no series on a node without IPVS where all is well, with why. */
const NONE_HERE: Readonly<Record<string, string>> = {
  podroute_routes_refused: 'a series for each rule that refuses a route now',
  podroute_bgp_rejected_total: 'a series for each rule that refused an announcement',
  podroute_service_problems: 'a series for each code of a problem that there is now',
  podroute_bfd_session_up: 'BFD is off by default',
  kubeproxy_network_programming_duration_seconds_bucket: 'no pod behind a Service has changed',
}

const alerts = async (): Promise<readonly Alert[]> =>
  parse(await readFile(ALERTS, 'utf8')).groups.flatMap(({ rules }: { rules: Alert[] }) => rules)

describe('alert rules', () => {
  let folder: string
  const promtool = (...args: readonly string[]) => attempt('promtool', args)
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'podroute-alerts-'))
  })
  after(() => rm(folder, { recursive: true, force: true }))

  it('are taken by Prometheus, and say what it is and what to do', async () => {
    const { code, stdout, stderr } = await promtool('check', 'rules', ALERTS)
    expect(code, stderr).to.equal(0)
    const all = await alerts()
    expect(stdout).to.include(`${all.length} rules found`)
    for (const { alert, labels, annotations } of all) {
      expect(labels.severity, alert).to.be.oneOf(['critical', 'warning', 'info'])
      expect(annotations, alert).to.have.keys('summary', 'description')
    }
  })

  it('fire, each for what it is named after, and none of them where all is well', async () => {
    const tests = alertTests(ALERTS, await alerts())
    const path = join(folder, 'tests.yaml')
    await writeFile(path, stringify(tests))
    const { code, stdout, stderr } = await promtool('test', 'rules', path)
    expect(code, `${stdout}${stderr}`).to.equal(0)
  })
})

describe('a Prometheus that scrapes an agent', function () {
  this.timeout(120_000)
  let cluster: AgentCluster
  let nodes: TestNode[]
  let prometheus: Prometheus
  const query = (expr: string) => prometheus.query(expr)

  before(async () => {
    cluster = await AgentCluster.start('observability')
    nodes = [await cluster.addNamespace(), await cluster.addNamespace()]
    for (const node of nodes) await cluster.registerNode(node, { ready: true })
    for (const node of nodes) await cluster.startAgent(node, '', { serviceProxy: true })
    for (const node of nodes) await makeAgentPod(cluster, node)
    const targets = join(cluster.directory, 'targets.json')
    await writeTargets(targets, await shippedDiscovery())
    prometheus = await Prometheus.start(cluster, targets)
  })
  after(() => cluster?.[Symbol.asyncDispose]())

  it('gets an answer from each', async () => {
    await eventually(async () => (await query('up{job="podroute"} == 1')).length === nodes.length, 60_000)
    // One target of each pod, whatever other ports and containers it has, called by its Node.
    const found = await query('up')
    expect(found.map(({ metric }) => metric.instance).sort()).to.deep.equal(
      nodes.map(({ name }) => name).sort(),
    )
    await eventually(async () => (await query('podroute_bgp_session_up == 1')).length > 0, 60_000)
  })

  it('has data for each query of the dashboard, or it is known why not', async () => {
    const empty: string[] = []
    for (const { title, expr } of dashboardQueries()) {
      const asked = expr.replaceAll('$job', 'podroute').replaceAll('$node', '.+').replaceAll('[5m]', '[1h]')
      const known = metricsOf(expr).some((name) => name in NONE_HERE)
      // What is counted per time needs two scrapes.
      if (known) await query(asked)
      else
        await eventually(async () => (await query(asked)).length > 0, 30_000).catch(() => empty.push(title))
    }
    expect(empty).to.deep.equal([])
  })

  it('has each metric that an alert asks for, or it is known why not', async () => {
    const names = new Set((await alerts()).flatMap(({ expr }) => metricsOf(expr)))
    const missing: string[] = []
    for (const name of names)
      if (!(name in NONE_HERE) && (await query(`count(${name})`)).length === 0) missing.push(name)
    expect(missing).to.deep.equal([])
  })

  it('has every metric that it found on the page of metrics, and runs the alerts', async () => {
    const page = await readFile(resolve(import.meta.dirname, '../../docs/metrics.md'), 'utf8')
    const { result } = { result: await query('group by (__name__) ({job="podroute"})') }
    const found = result
      .map(({ metric }) => metric.__name__!.replace(/_(bucket|sum|count)$/, ''))
      .filter((name) => !/^(up$|scrape_|ALERTS)/.test(name))
    expect(found).to.have.length.above(30)
    expect(found.filter((name) => !page.includes(`\`${name}\``))).to.deep.equal([])
    const { groups } = await prometheus.api('rules')
    const unhealthy = groups!.flatMap(({ rules }) => rules).filter(({ health }) => health === 'err')
    expect(unhealthy).to.deep.equal([])
  })

  /** Of the pods that the configuration selects, as the API server has them. */
  async function writeTargets(file: string, [discovery]: readonly Discovery[]): Promise<void> {
    const { role, namespaces, selectors } = discovery!
    expect([role, namespaces.names.length, selectors.length]).to.deep.equal(['pod', 1, 1])
    const args = ['-n', namespaces.names[0]!, 'get', 'pods', '-l', selectors[0]!.label, '-o', 'json']
    const { items } = JSON.parse(await cluster.kubectl(...args)) as { items: readonly FoundPod[] }
    await writeFile(file, JSON.stringify(items.flatMap(targetsOf)))
  }
})
