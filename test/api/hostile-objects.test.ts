/** A thousand random objects by tenants and nodes that want to hurt: nobody loses the API server, a route or a Service. */
import { setTimeout } from 'node:timers/promises'
import { testSeed } from '@podroute/reconcile/testing/random.ts'
import { expect } from 'chai'
import { AgentCluster } from '../support/agent-cluster.ts'
import {
  addressesOf,
  CONTROL_PLANE_ADDRESS,
  CONTROL_PLANE_ADDRESS_V6,
  type TestNode,
} from '../support/agent-network.ts'
import { eventually } from '../support/eventually.ts'
import type { HostileResult, HostileTask } from '../support/hostile-run.ts'
import { watchRoutes } from '../support/watched-routes.ts'

const COUNT = 1000
const RUN = new URL('../support/hostile-run.ts', import.meta.url).pathname

describe('a thousand hostile objects', function () {
  this.timeout(60_000)
  const seed = testSeed()
  let cluster: AgentCluster
  let one: TestNode
  let two: TestNode
  let honest: string[]

  const conditions = async (node: TestNode) => (await cluster.ask(node, '/status')).conditions
  /** This machine's kernel may have no IPVS: Services are looked at elsewhere. */
  const lacking = async (node: TestNode) =>
    (await conditions(node)).filter(({ ok, advisory, name }) => !ok && !advisory && name !== 'services')
  const watches = async (node: TestNode) => (await cluster.ask(node, '/status')).watches
  const inPlace = async (node: TestNode) => {
    // A write that is under way, as for a Node that came just now, is no lack.
    await eventually(async () => expect(await lacking(node), node.name).to.deep.equal([]), 500)
    for (const { name, connected, failures, unavailable } of await watches(node)) {
      // Its CRD is not here.
      const wanted = name === 'clusternetworkpolicies' ? [false, 'not-served', 0] : [true, undefined, 0]
      expect([connected, unavailable, failures], name).to.deep.equal(wanted)
    }
    const session = (await cluster.ask(node, '/peers')).peers.find(({ name }) => /^node-/.test(name))
    expect(session?.state, `the session of ${node.name}`).to.equal('established')
    return session?.uptime ?? 0
  }
  const nodeSession = async () => Promise.all([one, two].map(inPlace))

  async function attack(): Promise<HostileResult> {
    const prefixes = (await Promise.all([one, two].map((node) => cluster.podCidrs(node)))).flat()
    const [first] = await cluster.podCidrs(two)
    const task: HostileTask = {
      ...{ kubeconfig: cluster.control.kubeconfig, seed, count: COUNT, nodeName: one.name },
      ...{ nodeAddresses: addressesOf(one), apiServer: CONTROL_PLANE_ADDRESS },
      victims: {
        addresses: [
          CONTROL_PLANE_ADDRESS,
          CONTROL_PLANE_ADDRESS_V6,
          ...addressesOf(one),
          ...addressesOf(two),
          '10.96.0.1',
        ],
        prefixes,
      },
      endpoints: [first!.replace('.0/24', '.7'), 'fd10:244:0:1::7'],
    }
    const stdout = await cluster.inNetwork(process.execPath, RUN, JSON.stringify(task))
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as HostileResult
  }

  before(async () => {
    process.stdout.write(`    SEED=${seed}\n`)
    cluster = await AgentCluster.start('hostile-objects')
    one = await cluster.addNamespace()
    two = await cluster.addNamespace()
    for (const node of [one, two]) {
      await cluster.registerNode(node, { ready: true })
      await cluster.allocated(node)
    }
    // It would call Nodes without a kubelet not Ready.
    await cluster.stopComponent('kube-controller-manager')
    await cluster.startAgent(one, '', { serviceProxy: true })
    await cluster.startAgent(two)
    await eventually(
      async () => (await cluster.routes(one)).length === 2 && (await cluster.routes(two)).length === 2,
    )
    honest = await cluster.routes(one)
    await eventually(async () => (await lacking(one)).length === 0 && (await lacking(two)).length === 0)
  })
  after(() => cluster?.[Symbol.asyncDispose]())

  it('take no route, no session, no watch and no Service from anybody, and none when they go', async () => {
    const before = await nodeSession()
    const watching = await watchRoutes(cluster, one)
    const attacking = attack()
    let during = 0
    const over = attacking.then(() => true)
    while (!(await Promise.race([over, setTimeout(1000, false)]))) {
      await nodeSession()
      during++
    }
    const result = await attacking
    expect(during).to.be.above(3)
    process.stdout.write(`      ${JSON.stringify({ ...result, missing: result.missing.length })}\n`)
    expect(result.taken, 'objects that the API server took').to.be.at.least(COUNT / 4)
    expect(result.taken + result.refused).to.equal(COUNT)
    expect(result.missing).to.deep.equal([])
    expect(result.failing).to.deep.equal([])
    const after = await nodeSession()
    for (const [i, uptime] of after.entries()) expect(uptime, 'the same session').to.be.above(before[i]!)
    expect(await cluster.routes(one)).to.include.members(honest)
    await eventually(async () => (await cluster.ask(one, '/nodes')).nodes.length === 2)
    await nodeSession()
    expect(
      (await watching.stop()).filter((line) => honest.some((route) => line.includes(route.split(' ')[0]!))),
    ).to.deep.equal([])
    expect(await cluster.routes(one)).to.deep.equal(honest)
  })
})
