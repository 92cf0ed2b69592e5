/** What routers keep of a node whose agent ends: everything over its restart, nothing where the node is to be left. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { AgentCluster, agentConfig } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { BirdRouter } from '../support/bird-router.ts'
import { eventually } from '../support/eventually.ts'
import { FrrRouter } from '../support/frr-router.ts'
import { GobgpRouter } from '../support/gobgp-router.ts'
import { OpenBgpdRouter } from '../support/openbgpd-router.ts'
import { type OutsideRouter, ROUTER } from '../support/outside-router.ts'

const TAINT = 'ToBeDeletedByClusterAutoscaler'
/** Milliseconds from the session to the first route there, as a router's command line shows it. */
const AT_ONCE = 1000

describe('a router outside, and a node whose agent ends', function () {
  this.timeout(120_000)
  let cluster: AgentCluster
  let router: OutsideRouter
  let node: TestNode
  let prefixes: readonly string[]

  const config = (more = '') =>
    agentConfig(cluster.conflist(node), `${more}\npeers: [{address: ${ROUTER.ipv4}, asn: ${ROUTER.asn}}]`)
  const kept = async () => (await router.learned()).filter((prefix) => prefixes.includes(prefix))
  const isUp = async () =>
    (await router.hears(node)) && (await cluster.ask(node, '/peers')).peers[0]?.state === 'established'
  const inSync = async () => {
    await router.retry(node)
    await eventually(isUp, 60_000)
    await eventually(async () => expect(await kept()).to.deep.equal(prefixes))
    await eventually(() => router.isSettled())
  }
  const replace = async (start: () => Promise<OutsideRouter>) => {
    await router?.[Symbol.asyncDispose]()
    router = await start()
    await inSync()
  }
  /** Least number of the node's prefixes that the router had at any time while `change` happened. */
  const leastOver = async (change: () => Promise<void>) => {
    let ended = false
    const changed = change().finally(() => {
      ended = true
    })
    let least = Number.POSITIVE_INFINITY
    do least = Math.min(least, (await kept()).length)
    while (!ended)
    await changed
    return least
  }
  const stop = async () => {
    process.kill(cluster.agentPid(node), 'SIGTERM')
    await eventually(() => !cluster.processes.isRunning(`agent-${node.name}`))
  }
  /** The agent is away for a second. */
  const restart = (end: () => Promise<void>) => async () => {
    await end()
    await eventually(async () => !(await router.hears(node)))
    await new Promise((resolve) => setTimeout(resolve, 1000))
    await cluster.startAgent(node, config())
    await inSync()
  }

  before(async () => {
    cluster = await AgentCluster.start('router-restarts')
    node = await cluster.addNamespace()
    await cluster.registerNode(node, { ready: true })
    await cluster.startAgent(node, config())
    prefixes = (await cluster.allocated(node)).sort()
    expect(prefixes).to.have.length(2)
  })
  after(async () => {
    await router?.[Symbol.asyncDispose]()
    await cluster?.[Symbol.asyncDispose]()
  })

  const ROUTERS = {
    FRR: () => FrrRouter.start(cluster, [node]),
    BIRD: () => BirdRouter.start(cluster, [node]),
    GoBGP: () => GobgpRouter.start(cluster, [node]),
    OpenBGPD: () => OpenBgpdRouter.start(cluster, [node]),
  }
  for (const [name, start] of Object.entries(ROUTERS)) {
    describe(`that is ${name}`, () => {
      before(() => replace(start))

      it('keeps its routes over a kill and a new start (A15)', async () => {
        expect(await leastOver(restart(() => cluster.killAgent(node)))).to.equal(2)
      })

      it('keeps them over a stop and a new start (A15)', async () => {
        expect(await leastOver(restart(stop))).to.equal(2)
      })

      it('forgets them at once where the node is to be left (A15)', async () => {
        await cluster.kubectl('taint', 'node', node.name, `${TAINT}=1:NoSchedule`)
        await eventually(async () => (await cluster.podroute(node, 'status')).stdout.includes(TAINT))
        expect(await kept()).to.deep.equal(prefixes)
        await stop()
        expect(await kept()).to.deep.equal([])
        await cluster.kubectl('taint', 'node', node.name, `${TAINT}-`)
        await cluster.startAgent(node, config())
        await inSync()
      })
    })
  }

  it('that has long-lived stale routes keeps them for longer than the restart time', async () => {
    await replace(ROUTERS.BIRD)
    const awayFor = async (longLived: number) => {
      const times = `bgp: {gracefulRestart: {timeSeconds: 1, longLivedSeconds: ${longLived}}}`
      await stop()
      await cluster.startAgent(node, config(times))
      await inSync()
      return leastOver(async () => {
        await cluster.killAgent(node)
        await eventually(async () => !(await router.hears(node)))
        await new Promise((resolve) => setTimeout(resolve, 3000))
        await cluster.startAgent(node, config(times))
        await inSync()
      })
    }
    expect(await awayFor(60)).to.equal(2)
    expect(await awayFor(0)).to.equal(0)
  })

  it('is told at once of a restart’s routes, not when somebody has waited for them (A16)', async () => {
    await replace(ROUTERS.FRR)
    await cluster.kubectl('taint', 'node', node.name, `${TAINT}=1:NoSchedule`)
    await eventually(async () => (await cluster.podroute(node, 'status')).stdout.includes(TAINT))
    await stop()
    await cluster.kubectl('taint', 'node', node.name, `${TAINT}-`)
    expect(await kept()).to.deep.equal([])
    await cluster.startAgent(node, config())
    await eventually(() => router.hears(node), 30_000)
    const start = performance.now()
    await eventually(async () => expect(await kept()).to.deep.equal(prefixes))
    expect(performance.now() - start).to.be.below(AT_ONCE)
  })

  it('hears of its pods again, and loses none of them, where the agent starts while the API server is away', async () => {
    await replace(ROUTERS.FRR)
    const file = join(cluster.stateDirectory(node), 'last-known-nodes.json')
    await eventually(async () => (await readFile(file, 'utf8')).includes(prefixes[0]!), 60_000)
    await cluster.killAgent(node)
    await cluster.stopComponent('kube-apiserver')
    const start = async () => {
      await eventually(async () => !(await router.hears(node)))
      await cluster.startAgent(node, config())
      await inSync()
    }
    expect(await leastOver(start)).to.equal(2)
    await cluster.startComponent('kube-apiserver')
    const nodes = async () =>
      (await cluster.ask(node, '/status')).watches.find(({ name }) => name === 'nodes')?.connected
    await eventually(async () => expect(await nodes()).to.equal(true), 60_000)
    expect(await kept()).to.deep.equal(prefixes)
  })
})
