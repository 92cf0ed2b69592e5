/** Agents whose Nodes become reflectors and clients, and nodes of the mesh again: what the kernel and packets notice of it. */
import { expect } from 'chai'
import { AgentCluster } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { eventually } from '../support/eventually.ts'
import { ECHO, sendPackets } from '../support/packet-loss.ts'
import { watchRoutes } from '../support/watched-routes.ts'

describe('agents that become reflectors and clients', function () {
  this.timeout(120_000)
  let cluster: AgentCluster
  let nodes: TestNode[]
  /** Between all of them: who sends to whom. */
  let pairs: (readonly [TestNode, string])[]

  const annotate = (node: TestNode, ...annotations: string[]) =>
    cluster.kubectl('annotate', '--overwrite', 'node', node.name, ...annotations)
  const sessions = async (node: TestNode) => {
    const { peers } = await cluster.ask(node, '/peers')
    return peers.map(({ name, state, meshRole }) => `${name} ${meshRole} ${state}`).sort()
  }
  /** What the agent has of sessions, in the order of the nodes. */
  const expectSessions = (node: TestNode, wanted: readonly (readonly [TestNode, string])[]) =>
    eventually(
      async () =>
        expect(await sessions(node)).to.deep.equal(
          wanted.map(([{ name }, role]) => `${name} ${role} established`).sort(),
        ),
      30_000,
    )
  /** Nothing is lost while `change` happens: no packet, and no route of any node. */
  const losingNothing = async (change: () => Promise<void>) => {
    const watched = await Promise.all(nodes.map((node) => watchRoutes(cluster, node)))
    const packets = await Promise.all(pairs.map(([{ netns }, to]) => sendPackets(netns, to)))
    await change()
    const counts = await Promise.all(packets.map((each) => each.stop()))
    expect(await Promise.all(watched.map((each) => each.stop()))).to.deep.equal(nodes.map(() => []))
    expect(counts.map(({ sent, received }) => sent - received)).to.deep.equal(pairs.map(() => 0))
    for (const { sent } of counts) expect(sent, 'in half a second at least').to.be.above(20)
  }

  before(async () => {
    cluster = await AgentCluster.start('reflectors')
    nodes = [await cluster.addNamespace(), await cluster.addNamespace()]
    nodes.push(await cluster.addNamespace(), await cluster.addNamespace())
    for (const node of nodes) await cluster.registerNode(node, { ready: true })
    for (const node of nodes) await cluster.startAgent(node)
    for (const node of nodes)
      await expectSessions(
        node,
        others(node).map((other) => [other, 'mesh']),
      )
    for (const node of nodes)
      await cluster.processes.start(`echo-${node.name}`, [process.execPath, '-e', ECHO], {
        netns: node.netns,
      })
    const bridges = await Promise.all(
      nodes.map(async (node) => (await cluster.allocated(node)).map(bridgeOf)),
    )
    pairs = nodes.flatMap((from, i) =>
      bridges.filter((_, j) => i !== j).map((to, k) => [from, to[k % 2]!] as const),
    )
  })
  after(() => cluster?.[Symbol.asyncDispose]())

  const others = (node: TestNode) => nodes.filter((other) => other !== node)
  const bridgeOf = (prefix: string) => prefix.replace(/0?\/.*/, '1')

  it('lose no packet and no route when roles come, and when agents with roles start anew (A19)', async () => {
    const [a, b, c, d] = nodes as [TestNode, TestNode, TestNode, TestNode]
    await losingNothing(async () => {
      await annotate(c, 'kube-router.io/rr.client=42')
      await annotate(a, 'kube-router.io/rr.server=42')
      await annotate(d, 'podroute.io/rr.client=0.0.0.42')
      await annotate(b, 'podroute.io/rr.server=42')
      for (const client of [c, d])
        await eventually(async () =>
          expect(await sessions(client)).to.include.members(
            [a, b].map(({ name }) => `${name} reflector established`),
          ),
        )
      // An agent that starts anew has the sessions of its role alone: what others kept beside these is over with that.
      for (const node of nodes) {
        await cluster.killAgent(node)
        await cluster.startAgent(node)
        await eventually(async () => (await cluster.ask(node, '/status')).ready, 30_000)
      }
      await expectSessions(c, [
        [a, 'reflector'],
        [b, 'reflector'],
      ])
      await expectSessions(d, [
        [a, 'reflector'],
        [b, 'reflector'],
      ])
      await expectSessions(a, [
        [b, 'reflector'],
        [c, 'client'],
        [d, 'client'],
      ])
    })
    const { routes } = await cluster.ask(c, '/routes')
    const [route] = routes.filter(({ node }) => node === d.name)
    expect([a.name, b.name]).to.include.members([...route!.from])
  })

  it('lose none when roles go, and say of a wrong cluster ID that it is, on the Node (A19)', async () => {
    const [a, b, c, d] = nodes as [TestNode, TestNode, TestNode, TestNode]
    await losingNothing(async () => {
      await annotate(d, 'podroute.io/rr.client=cluster-a')
      const events = () =>
        cluster.kubectl('get', 'events', '-A', '-o', 'jsonpath={.items[*].reason} {.items[*].note}')
      await eventually(
        async () =>
          expect(await cluster.kubectl('get', 'events', '-A', '-o', 'json')).to.include('cluster-a'),
        10_000,
      )
      expect(await events()).to.include('InvalidAnnotation')
      for (const node of [a, b, c, d])
        await annotate(
          node,
          ...['kube-router.io/', 'podroute.io/'].flatMap((p) => [`${p}rr.client-`, `${p}rr.server-`]),
        )
      await eventually(
        async () => expect((await sessions(c)).filter((s) => s.endsWith('established'))).to.have.lengthOf(3),
        30_000,
      )
    })
  })
})
