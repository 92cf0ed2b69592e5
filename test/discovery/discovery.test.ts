/**
 * What Prometheus finds by deploy/observability/prometheus.yaml, by its own discovery, which Debian's is built without: asked of a real API server by
 * somebody with the rights that the file names. A tier of its own, by `npm test -- discovery`: Kubernetes' client takes minutes to compile.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { buildDiscovery } from '../../lab/tools/discovery.ts'
import { AgentCluster } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { agentPod, makeAgentPod } from '../support/agent-pods.ts'
import { eventually } from '../support/eventually.ts'
import { CONFIGURATION, type Discovery, Prometheus, shippedDiscovery } from '../support/prometheus.ts'
import { type FoundPod, type Target, targetsOf } from '../support/prometheus-targets.ts'

const NAMESPACE = 'kube-system'
const PATIENCE = 60_000

describe('the discovery of agents by Prometheus', function () {
  this.timeout(300_000)
  let cluster: AgentCluster
  let nodes: TestNode[]
  let prometheus: Prometheus
  let targets: string
  const found = async () => JSON.parse(await readFile(targets, 'utf8')) as readonly Target[]
  const podsFound = async () =>
    [...new Set((await found()).map(({ labels }) => labels.__meta_kubernetes_pod_name))].sort()
  const scraped = async () => (await prometheus.query('up == 1')).map(({ metric }) => metric.instance).sort()

  before(async () => {
    cluster = await AgentCluster.start('discovery')
    nodes = [await cluster.addNamespace(), await cluster.addNamespace()]
    for (const node of nodes) await cluster.registerNode(node, { ready: true })
    for (const node of nodes) await cluster.startAgent(node, '', { serviceProxy: true })
    await makeAgentPod(cluster, nodes[0]!)
    await makeOther('of-another-app', NAMESPACE, 'other')
    await makeOther('elsewhere', 'default', 'podroute')
    targets = join(cluster.directory, 'targets.json')
    const program = [await buildDiscovery(), CONFIGURATION, await reader(), targets]
    await cluster.processes.start('discovery', program, { netns: cluster.network })
    await eventually(async () => (await found()).length > 0, PATIENCE)
    prometheus = await Prometheus.start(cluster, targets)
  })
  after(() => cluster?.[Symbol.asyncDispose]())

  it('finds the agents’ pods and nobody else’s, as one that may list and watch pods of kube-system', async () => {
    expect(await podsFound()).to.deep.equal([agentPod(nodes[0]!)])
  })

  it('finds what the tests’ own list of targets has: each port of each container, with these labels', async () => {
    const [{ namespaces, selectors }] = (await shippedDiscovery()) as [Discovery]
    const args = ['-n', namespaces.names[0]!, 'get', 'pods', '-l', selectors[0]!.label, '-o', 'json']
    const { items } = JSON.parse(await cluster.kubectl(...args)) as { items: readonly FoundPod[] }
    const expected = items.flatMap(targetsOf)
    const real = await found()
    expect(real.map(({ targets }) => targets)).to.have.deep.members(expected.map(({ targets }) => targets))
    for (const { targets, labels } of expected)
      expect(real.some((one) => one.targets[0] === targets[0] && isPartOf(labels, one.labels))).to.equal(true)
  })

  it('has each scraped once, by the name of its Node, as pods come and go', async () => {
    const [one, two] = nodes as [TestNode, TestNode]
    await eventually(async () => (await scraped()).join() === one.name, PATIENCE)
    await makeAgentPod(cluster, two)
    await eventually(async () => (await scraped()).join() === [one.name, two.name].sort().join(), PATIENCE)
    await cluster.kubectl('-n', NAMESPACE, 'delete', 'pod', agentPod(one), '--force', '--grace-period=0')
    await eventually(async () => (await scraped()).join() === two.name, PATIENCE)
    expect(await podsFound()).to.deep.equal([agentPod(two)])
  })

  async function makeOther(name: string, namespace: string, app: string): Promise<void> {
    const ports = [{ name: 'metrics', containerPort: 20_245 }]
    const container = { name: 'c', image: 'none', ports }
    const spec = { nodeName: nodes[1]!.name, automountServiceAccountToken: false, containers: [container] }
    const metadata = { namespace, name, labels: { app } }
    await eventually(() => cluster.apply({ apiVersion: 'v1', kind: 'Pod', metadata, spec }).then(() => true))
    await cluster.podRuns(name, [nodes[1]!.ipv4], namespace)
  }

  /** A kubeconfig of somebody who may do what the file says that it needs. */
  async function reader(): Promise<string> {
    await cluster.kubectl('create', 'serviceaccount', 'prometheus')
    const rights = ['--verb=list,watch', '--resource=pods']
    await cluster.kubectl('-n', NAMESPACE, 'create', 'role', 'prometheus', ...rights)
    const bound = ['--role=prometheus', '--serviceaccount=default:prometheus']
    await cluster.kubectl('-n', NAMESPACE, 'create', 'rolebinding', 'prometheus', ...bound)
    const token = (await cluster.kubectl('create', 'token', 'prometheus', '--duration=1h')).trim()
    const config = JSON.parse(await readFile(cluster.control.kubeconfig, 'utf8'))
    config.users = [{ name: 'prometheus', user: { token } }]
    config.contexts[0].context.user = 'prometheus'
    const path = join(cluster.directory, 'prometheus.kubeconfig')
    await writeFile(path, JSON.stringify(config), { mode: 0o600 })
    return path
  }
})

function isPartOf(part: Readonly<Record<string, string>>, whole: Readonly<Record<string, string>>): boolean {
  // An empty label is none.
  return Object.entries(part).every(([name, value]) => (whole[name] ?? '') === value)
}
