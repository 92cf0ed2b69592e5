/**
 * Two clusters of one AS joined by FRR as their route reflector, as docs/routers.md has them: two control planes, whole agents on two nodes of each, and
 * pods that reach those of the other cluster. A lab of its own, by `npm test -- joined-clusters`, in namespaces.
 */
import { expect } from 'chai'
import { DocumentedRouter, documented } from '../interop/support/documented-router.ts'
import { RouterNetwork } from '../interop/support/router-network.ts'
import { AgentCluster, agentConfig } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { eventually } from '../support/eventually.ts'
import { sendPackets } from '../support/packet-loss.ts'
import { addPod, type Pod, removePod } from './support/pod.ts'

const PATIENCE = 60_000
const KEY = 'top-of-rack'
const SECOND_CIDR = '10.245.0.0/16,fd10:245::/56'

const say = (what: string, seen: unknown) =>
  console.log(`      ${what}: ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`)

interface Joined {
  readonly cluster: AgentCluster
  readonly nodes: readonly TestNode[]
}

describe('two clusters joined by a route reflector, FRR, and whole agents', function () {
  this.timeout(120_000)
  const clusters: Joined[] = []
  let network: RouterNetwork
  let router: DocumentedRouter
  const pods: Pod[] = []

  /** Of the nodes of a cluster. */
  const config = (n: number, cluster: AgentCluster, node: TestNode) => {
    const first = documented('yaml reflector').replaceAll(
      '/etc/podroute-secrets/router',
      cluster.volume(node).file('router'),
    )
    const second = first.replaceAll('10.245', '10.244').replaceAll('fd10:245', 'fd10:244')
    return agentConfig(cluster.conflist(node), [first, second][n])
  }
  const configure = (n: number, node: TestNode, key = KEY) => {
    const { cluster } = clusters[n]!
    return cluster.configure(node, config(n, cluster, node), { router: `${key}\n` })
  }
  const sessions = async ({ cluster }: Joined, node: TestNode) =>
    (await cluster.ask(node, '/peers')).peers
      .filter(({ address }) => /\b100$/.test(address))
      .map(({ address, state }) => `${address} ${state}`)
      .sort()
  /** `PREFIX via NODE` of the pods of a cluster, as the kernels of the other one should have them. */
  const routesTo = async ({ cluster, nodes }: Joined, without?: TestNode) => {
    const all = nodes.filter((node) => node !== without)
    const lists = await Promise.all(
      all.map(async (node) =>
        (await cluster.allocated(node)).map(
          (prefix) => `${prefix} via ${prefix.includes(':') ? node.ipv6 : node.ipv4}`,
        ),
      ),
    )
    return lists.flat().sort()
  }
  const knowEachOther = async (without?: TestNode) => {
    for (const [n, { cluster, nodes }] of clusters.entries()) {
      const wanted = await routesTo(clusters[1 - n]!, without)
      for (const node of nodes)
        if (node !== without)
          await eventually(
            async () => expect(await cluster.routes(node)).to.include.members(wanted),
            PATIENCE,
          )
    }
  }

  before(async () => {
    const first = await AgentCluster.start('joined-1')
    clusters.push({ cluster: first, nodes: [await first.addNamespace(), await first.addNamespace()] })
    const second = await AgentCluster.start('joined-2', { beside: first, clusterCidr: SECOND_CIDR })
    clusters.push({ cluster: second, nodes: [await second.addNamespace(), await second.addNamespace()] })
    network = new RouterNetwork(first.network)
    router = new DocumentedRouter('frr', network.addRouter(100))
    await router.start(documented('frr reflector'))
    for (const [n, { cluster, nodes }] of clusters.entries())
      for (const node of nodes) {
        await cluster.registerNode(node, { ready: true })
        await cluster.startAgent(node, config(n, cluster, node))
        await configure(n, node)
      }
  })
  after(async () => {
    await router?.stop()
    for (const pod of pods) await removePod(pod)
    network?.close()
    for (const { cluster } of clusters.toReversed()) await cluster[Symbol.asyncDispose]()
  })

  it('have a session of each family between every node and the reflector, with a key', async () => {
    for (const joined of clusters)
      for (const node of joined.nodes)
        await eventually(
          async () =>
            expect(await sessions(joined, node)).to.deep.equal([
              '172.31.0.100 established',
              'fd31::100 established',
            ]),
          PATIENCE,
        )
  })

  it('have routes to the pods of each other’s nodes, by these nodes themselves', async () => {
    await knowEachOther()
    for (const { cluster, nodes } of clusters) say(nodes[0]!.name, await cluster.routes(nodes[0]!))
  })

  it('have pods that reach each other, in both families', async () => {
    for (const { cluster, nodes } of clusters) pods.push(await addPod(cluster, nodes[0]!))
    const [near, far] = pods as [Pod, Pod]
    for (const address of [far.ipv4, far.ipv6]) {
      const packets = await sendPackets(near.netns, address)
      const { sent, received } = await packets.stop()
      say(`a pod of cluster 1 to ${address}`, `${received} of ${sent} packets came back`)
      expect(received).to.equal(sent)
      expect(sent).to.be.greaterThan(0)
    }
  })

  it('lose no packet between these while the agents of both nodes are killed and started again', async () => {
    const [near, far] = pods as [Pod, Pod]
    const sent = await Promise.all([far.ipv4, far.ipv6].map((address) => sendPackets(near.netns, address)))
    for (const [n, { cluster, nodes }] of clusters.entries()) {
      const node = nodes[0]!
      await cluster.killAgent(node)
      await cluster.startAgent(node, config(n, cluster, node))
      await configure(n, node)
      await eventually(
        async () => (await sessions(clusters[n]!, node)).every((line) => line.endsWith('established')),
        PATIENCE,
      )
    }
    await knowEachOther()
    const lost = await Promise.all(sent.map(async (packets) => packets.stop()))
    say('packets over two kills', lost)
    for (const { sent: all, received } of lost) expect(received).to.equal(all)
  })

  it('lose the routes to a node that is left by its Node’s deletion', async () => {
    const { cluster, nodes } = clusters[1]!
    const gone = nodes[1]!
    const routes = await routesTo({ cluster, nodes: [gone] })
    await cluster.kubectl('delete', 'node', gone.name)
    process.kill(cluster.agentPid(gone), 'SIGTERM')
    const { cluster: other, nodes: others } = clusters[0]!
    for (const node of others)
      await eventually(
        async () =>
          expect((await other.routes(node)).filter((each) => routes.includes(each))).to.deep.equal([]),
        PATIENCE,
      )
    await knowEachOther(gone)
  })

  it('have no session with the reflector with another key', async () => {
    const { nodes } = clusters[0]!
    await configure(0, nodes[1]!, 'not it')
    await eventually(
      async () => (await sessions(clusters[0]!, nodes[1]!)).every((line) => !line.endsWith('established')),
      PATIENCE,
    )
  })
})
