/** Agents and FRR that watch the paths among them by BFD: a dead machine's routes go at once, those of a dead agent stay. */
import { expect } from 'chai'
import { AgentCluster, agentConfig } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { BirdRouter } from '../support/bird-router.ts'
import { eventually } from '../support/eventually.ts'
import { FrrRouter } from '../support/frr-router.ts'
import { CLIENT_PREFIXES, type OutsideRouter, ROUTER } from '../support/outside-router.ts'
import { ECHO, sendPackets } from '../support/packet-loss.ts'

/** Three packets, 300 ms apart. */
const DETECTION = 900
/** What a loaded machine may add. */
const MARGIN = 1500

describe('agents and a router that watch their paths by BFD', function () {
  this.timeout(120_000)
  let cluster: AgentCluster
  let router: OutsideRouter
  let one: TestNode
  let two: TestNode

  const config = (node: TestNode) =>
    agentConfig(
      cluster.conflist(node),
      `bgp: { bfd: true }
peers: [{address: ${ROUTER.ipv4}, asn: ${ROUTER.asn}, bfd: true, acceptRoutes: ['${CLIENT_PREFIXES.join("', '")}']}]`,
    )
  const paths = async (node: TestNode) =>
    (await cluster.ask(node, '/peers')).peers.map(({ state, bfd }) => [state, bfd?.state])
  const UP = ['established', 'up']
  const routesTo = async (node: TestNode) =>
    (await cluster.routes(node === one ? two : one)).filter((route) =>
      [node.ipv4, node.ipv6].some((address) => route.endsWith(` via ${address}`)),
    )
  const sync = async () => {
    for (const node of [one, two])
      await eventually(async () => expect(await paths(node)).to.deep.equal([UP, UP]), 60_000)
    await eventually(async () => expect(await router.learned()).to.have.length(4))
  }
  const startRouter = async (start: () => Promise<OutsideRouter>) => {
    await router?.[Symbol.asyncDispose]()
    router = await start()
    await sync()
  }

  before(async () => {
    cluster = await AgentCluster.start('bfd')
    one = await cluster.addNamespace()
    two = await cluster.addNamespace()
    for (const node of [one, two]) {
      await cluster.registerNode(node, { ready: true })
      await cluster.startAgent(node, config(node))
    }
    await cluster.processes.start('echo', [process.execPath, '-e', ECHO], { netns: one.netns })
  })
  after(async () => {
    await router?.[Symbol.asyncDispose]()
    await cluster?.[Symbol.asyncDispose]()
  })

  const kill = (node: TestNode) => cluster.killAgent(node)
  const stop = async (node: TestNode) => {
    process.kill(cluster.agentPid(node), 'SIGTERM')
    await eventually(() => !cluster.processes.isRunning(`agent-${node.name}`))
  }
  /** How many datagrams of a client behind the router, and of the other node, are lost over an end of the agent, two detection times and its start. */
  const lostOver = async (end: (node: TestNode) => Promise<void>) => {
    await sync()
    const gateways = (await cluster.allocated(one)).map((prefix) => prefix.replace(/0?\/.*/, '1'))
    const from = [router.client, two.netns]
    const packets = await Promise.all(
      from.flatMap((netns) => gateways.map((address) => sendPackets(netns, address))),
    )
    await end(one)
    await new Promise((resolve) => setTimeout(resolve, 2 * DETECTION))
    await cluster.startAgent(one, config(one))
    await sync()
    const counts = await Promise.all(packets.map((each) => each.stop()))
    return counts.map(({ sent, received }) => sent - received)
  }
  /** Milliseconds until the router has no route to a node whose machine is gone, and until the other node has none. */
  const goneAfter = async (limit: number) => {
    await sync()
    const start = performance.now()
    const gone = async (found: () => Promise<readonly string[]>, left: number) => {
      await eventually(async () => (await found()).length === left, limit).catch(() => {})
      return performance.now() - start
    }
    await cluster.inNetwork('ip', 'link', 'set', 'port1', 'nomaster')
    const times = await Promise.all([gone(() => router.learned(), 2), gone(() => routesTo(one), 0)])
    await cluster.inNetwork('ip', 'link', 'set', 'port1', 'master', 'nodes')
    return times
  }

  const losesNothing = () => {
    it('lose no packet of a client behind it, nor one of pods among nodes, while an agent is killed and started again (A13)', async () => {
      expect(await lostOver(kill)).to.deep.equal([0, 0, 0, 0])
    })

    it('lose none while an agent is stopped and started again (A13)', async () => {
      expect(await lostOver(stop)).to.deep.equal([0, 0, 0, 0])
    })
  }
  const losesTheDead = () => {
    it('lose the routes to a dead machine within the detection time (A13)', async () => {
      for (const time of await goneAfter(10_000)) expect(time).to.be.lessThan(DETECTION + MARGIN)
    })
  }

  const keepsTheDead = () => {
    it('keep those at the router, which takes every failure for that of an agent', async () => {
      const [atRouter, atNode] = await goneAfter(DETECTION + MARGIN)
      expect(atNode).to.be.lessThan(DETECTION + MARGIN)
      expect(atRouter).to.be.at.least(DETECTION + MARGIN)
    })
  }

  describe('that is FRR', () => {
    before(() => startRouter(() => FrrRouter.start(cluster, [one, two], [], 'bfd')))
    losesNothing()
    losesTheDead()
  })

  describe('that is FRR with check-control-plane-failure', () => {
    before(() =>
      startRouter(() => FrrRouter.start(cluster, [one, two], [], 'bfd check-control-plane-failure')),
    )
    losesNothing()
    keepsTheDead()
  })

  describe('that is BIRD', () => {
    before(() => startRouter(() => BirdRouter.start(cluster, [one, two], 'on')))
    losesTheDead()
  })

  describe('that is BIRD with bfd graceful', () => {
    before(() => startRouter(() => BirdRouter.start(cluster, [one, two], 'graceful')))
    losesNothing()
    keepsTheDead()
  })
})
