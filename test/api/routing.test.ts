/** Agents whose routes come from the Nodes, from BGP or from nowhere, and what pods notice when that changes live. */
import { expect } from 'chai'
import { AgentCluster, agentConfig } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { eventually } from '../support/eventually.ts'
import { ECHO, type PacketCount, sendPackets } from '../support/packet-loss.ts'
import { watchRoutes } from '../support/watched-routes.ts'

describe('agents of three nodes without BGP', function () {
  this.timeout(120_000)
  let cluster: AgentCluster
  let one: TestNode
  let two: TestNode
  let three: TestNode

  const config = (node: TestNode, routing: string) =>
    agentConfig(cluster.conflist(node)).replace('podNetwork: {', `podNetwork: { routing: ${routing},`)
  const routesTo = async (...nodes: TestNode[]) => {
    const routes = await Promise.all(
      nodes.map(async (node) =>
        (await cluster.allocated(node)).map((p) => `${p} via ${p.includes(':') ? node.ipv6 : node.ipv4}`),
      ),
    )
    return routes.flat().sort()
  }
  const expectRoutes = async (node: TestNode, ...to: TestNode[]) => {
    const wanted = await routesTo(...to)
    await eventually(async () => expect(await cluster.routes(node)).to.deep.equal(wanted), 30_000)
  }
  /** What is over stays as TIME-WAIT for a minute, on the side that closed first. */
  const STATES = ['state', 'listening', 'state', 'established'] as const
  const speaks = async (node: TestNode) =>
    (await cluster.exec(node, 'ss', '-Htn', ...STATES, 'sport = :179')) !== ''
  const sources = async (node: TestNode) =>
    (await cluster.ask(node, '/routes')).routes.map(({ state, from }) => `${state} ${from}`)
  /** All of them, and until that is so on each node. */
  const change = async (routing: string, done: (node: TestNode) => Promise<unknown>) => {
    for (const node of [one, two]) await cluster.configure(node, config(node, routing))
    for (const node of [one, two]) await eventually(() => done(node), 30_000)
  }

  before(async () => {
    cluster = await AgentCluster.start('routing')
    one = await cluster.addNamespace()
    two = await cluster.addNamespace()
    three = await cluster.addNamespace()
    for (const node of [one, two, three]) await cluster.registerNode(node, { ready: true })
    for (const node of [one, two, three]) await cluster.startAgent(node, config(node, 'api'))
  })
  after(() => cluster?.[Symbol.asyncDispose]())

  it('put the routes to all Nodes into the kernel, are ready, and listen for nobody', async () => {
    await expectRoutes(one, two, three)
    await expectRoutes(two, one, three)
    await expectRoutes(three, one, two)
    for (const node of [one, two, three]) {
      await eventually(async () => (await cluster.ask(node, '/status')).ready, 30_000)
      await eventually(async () => !(await speaks(node)))
    }
    expect(await sources(one)).to.deep.equal(Array(4).fill('installed API'))
  })

  it('take in a Node without an agent, and forget one that leaves', async () => {
    await cluster.killAgent(three)
    await cluster.kubectl('delete', 'node', three.name)
    await expectRoutes(one, two)
    await cluster.registerNode(three)
    await expectRoutes(one, two, three)
  })

  it('put a route back that somebody deleted, at once', async () => {
    const [prefix] = await cluster.allocated(two)
    await cluster.exec(one, 'ip', 'route', 'delete', prefix!)
    await eventually(async () => (await cluster.routes(one)).length === 4, 2000)
  })

  it('write nothing when an agent is killed and starts again, and sweep what is left of a Node that went', async () => {
    const watch = await watchRoutes(cluster, one)
    await cluster.killAgent(one)
    await cluster.kubectl('delete', 'node', three.name)
    await cluster.startAgent(one, config(one, 'api'))
    await expectRoutes(one, two)
    const [v4, v6] = (await watch.stop()).sort()
    expect(v4).to.match(/^Deleted 10\.244\.\d+\.0\/24 via 172\.31\.0\.13 /)
    expect(v6).to.match(/^Deleted fd10:244:\S+ via fd31::13 /)
  })

  it('lose no packet while routes come from BGP, from the Nodes, from nowhere, and from BGP again', async () => {
    const targets = (await cluster.allocated(two)).map((prefix) => prefix.replace(/0?\/.*/, '1'))
    await cluster.processes.start('echo', [process.execPath, '-e', ECHO], { netns: two.netns })
    const packets = await Promise.all(targets.map((address) => sendPackets(one.netns, address)))
    // The network routes pods itself, which is what `none` is for; a metric of its own keeps its routes beside ours.
    for (const [from, to] of [
      [one, two],
      [two, one],
    ] as const)
      for (const prefix of await cluster.allocated(to)) {
        const gateway = prefix.includes(':') ? to.ipv6 : to.ipv4
        await cluster.exec(from, 'ip', 'route', 'add', prefix, 'via', gateway, 'metric', '4000')
      }
    const watch = await watchRoutes(cluster, one)
    const from = (peer: (node: TestNode) => string) => async (node: TestNode) =>
      (await sources(node)).join() ===
      Array(2)
        .fill(`installed ${peer(node)}`)
        .join()
    const other = (node: TestNode) => (node === one ? two.name : one.name)
    await change('bgp', from(other))
    await change(
      'api',
      from(() => 'API'),
    )
    for (const node of [one, two]) await eventually(async () => !(await speaks(node)))
    expect(await watch.stop()).to.deep.equal([])
    await change('none', async (node) => (await cluster.routes(node)).length === 0)
    await change('bgp', from(other))
    await change('none', async (node) => (await cluster.routes(node)).length === 0)
    await change(
      'api',
      from(() => 'API'),
    )
    const counts: PacketCount[] = await Promise.all(packets.map((sender) => sender.stop()))
    for (const { sent, received } of counts) {
      expect(sent, 'in half a second at least').to.be.greaterThan(20)
      expect(sent - received, 'packets lost').to.equal(0)
    }
  })

  it('stay ready without any route, and without a peer that could be waited for', async () => {
    await cluster.killAgent(one)
    await cluster.startAgent(one, config(one, 'none'))
    await eventually(async () => (await cluster.ask(one, '/status')).ready, 10_000)
    expect(await cluster.routes(one)).to.deep.equal([])
    expect((await cluster.ask(one, '/status')).conditions.map(({ name }) => name)).to.not.include('peers')
  })
})
