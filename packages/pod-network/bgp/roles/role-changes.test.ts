import type { NodeObject } from '@podroute/cluster/objects/node.ts'
import { pick, seeded, testSeed } from '@podroute/reconcile/testing/random.ts'
import { expect } from 'chai'
import { Agents } from '../../testing/agents.ts'
import { testSettings } from '../../testing/fixtures.ts'

const SIX = [1, 2, 3, 4, 5, 6]
const server = (id: string): Partial<NodeObject> => ({ annotations: { 'kube-router.io/rr.server': id } })
const client = (id: string): Partial<NodeObject> => ({ annotations: { 'kube-router.io/rr.client': id } })
const { restartTime: _, ...withoutRestart } = testSettings
/** All that is given up is gone by then. */
const LATER = 60_000
const MESH = SIX.flatMap((a) => SIX.filter((b) => a < b).map((b) => `${a}-${b}`))
/** Two servers, four clients. */
const REFLECTED = ['1-2', ...[3, 4, 5, 6].flatMap((n) => [`1-${n}`, `2-${n}`])].sort()

describe('roles that change', function () {
  this.timeout(60_000)
  let agents: Agents

  const start = async (settings: ConstructorParameters<typeof Agents>[0] = {}, nodes = SIX) => {
    agents = new Agents(settings)
    await agents.start(...nodes)
    expect(agents.missing()).to.deep.equal([])
  }
  const expectWhole = () => {
    expect(agents.lost).to.deep.equal([])
    expect(agents.missing()).to.deep.equal([])
  }
  afterEach(() => agents[Symbol.asyncDispose]())

  /** In random order, one Node every two seconds. */
  const annotate = async (random: () => number, delay: (agent: number) => number = () => 0) => {
    const left = [...SIX]
    while (left.length > 0) {
      const n = left.splice(Math.floor(random() * left.length), 1)[0]!
      agents.change(n, n <= 2 ? server('42') : client(pick(random, ['42', '0.0.0.42'])), delay)
      await agents.settle(2000)
      expectWhole()
    }
  }

  it('lose no route from the mesh to reflectors, one Node after the other in random order, and back (A19)', async () => {
    const seed = testSeed()
    const random = seeded(seed)
    await start()
    expect(agents.sessions()).to.deep.equal(MESH)
    await annotate(random)
    await agents.settle(LATER)
    expect(agents.sessions(), `SEED=${seed}`).to.deep.equal(REFLECTED)
    expect(agents.idle(), `SEED=${seed}`).to.deep.equal([])
    expectWhole()
    for (const n of [...SIX].sort(() => random() - 0.5)) {
      agents.change(n, {})
      await agents.settle(2000)
      expectWhole()
    }
    await agents.settle(LATER)
    expect(agents.sessions(), `SEED=${seed}`).to.deep.equal(MESH)
    expectWhole()
  })

  it('lose none where agents see the annotations ten seconds apart (A19)', async () => {
    const seed = testSeed()
    const random = seeded(seed)
    await start()
    await annotate(random, () => random() * 10_000)
    await agents.settle(LATER)
    expect(agents.sessions(), `SEED=${seed}`).to.deep.equal(REFLECTED)
    expect(agents.idle(), `SEED=${seed}`).to.deep.equal([])
    expectWhole()
  })

  it('keep the sessions that stay: none is made anew', async () => {
    await start()
    for (const n of SIX) agents.change(n, n <= 2 ? server('42') : client('42'))
    await agents.settle(LATER)
    const counts = SIX.flatMap((n) =>
      agents
        .network(n)
        .view.peers()
        .map(({ counters }) => counters.established),
    )
    expect(new Set(counts)).to.deep.equal(new Set([1]))
    const nodes = agents.network(3).view.report()
    expect(nodes.map(({ name, kind, role, state }) => [name, kind, role, state])).to.deep.equal([
      ['node-1', 'node', 'reflector', 'in-place'],
      ['node-2', 'node', 'reflector', 'in-place'],
      ['node-3', 'this node', 'client', 'in-place'],
      ...[4, 5, 6].map((n) => [`node-${n}`, 'node', 'client', 'in-place']),
    ])
    expect(
      agents
        .network(3)
        .view.peers()
        .map(({ name, meshRole }) => `${name} ${meshRole}`)
        .sort(),
    ).to.deep.equal(['node-1 reflector', 'node-2 reflector'])
    const [route] = agents
      .network(3)
      .view.routes()
      .filter(({ node }) => node === 'node-4')
    expect(
      route?.from.every((name) => ['node-1', 'node-2'].includes(name)),
      `${route?.from}`,
    ).to.equal(true)
    expectWhole()
  })

  it('lose the routes of a reflector that is deleted, and no other, and go on with the one that is left (A19)', async () => {
    await start()
    for (const n of SIX) agents.change(n, n <= 2 ? server('42') : client('42'))
    await agents.settle(LATER)
    agents.remove(2)
    await agents.settle(LATER)
    expect(agents.sessions()).to.deep.equal(['1-3', '1-4', '1-5', '1-6'])
    expectWhole()
  })

  it('come back to the mesh when the only reflector is deleted', async () => {
    await start()
    for (const n of SIX) agents.change(n, n === 1 ? server('42') : client('42'))
    await agents.settle(LATER)
    expect(agents.sessions()).to.deep.equal(['1-2', '1-3', '1-4', '1-5', '1-6'])
    agents.remove(1)
    await agents.settle(LATER)
    expect(agents.sessions()).to.deep.equal(MESH.filter((session) => !session.startsWith('1-')))
    expectWhole()
  })

  it('let a node in that joins before its role is known (A19)', async () => {
    await start({}, [1, 2, 3, 4, 5])
    for (const n of [1, 2, 3, 4, 5]) agents.change(n, n <= 2 ? server('42') : client('42'))
    await agents.settle(LATER)
    await agents.start(6)
    expectWhole()
    await agents.settle(7000)
    agents.change(6, client('42'))
    await agents.settle(LATER)
    expect(agents.sessions()).to.deep.equal(REFLECTED)
    expectWhole()
  })

  it('stay what they were with a wrong cluster ID, of which the node itself has an Event, once', async () => {
    await start()
    for (const n of SIX) agents.change(n, n <= 2 ? server('42') : client('42'))
    await agents.settle(LATER)
    agents.change(3, client('cluster-a'))
    agents.change(2, server('cluster-a'))
    await agents.settle(LATER)
    agents.change(3, { ...client('cluster-a'), ready: false })
    await agents.settle(LATER)
    expect(agents.sessions()).to.deep.equal(REFLECTED)
    expect(
      agents.events.map(([who, { reason, regarding, note }]) => [who, reason, regarding.name, note]),
    ).to.have.deep.members(
      ([2, 3] as const).map((n) => [
        `node-${n}`,
        'InvalidAnnotation',
        `node-${n}`,
        `kube-router.io/rr.${n === 2 ? 'server' : 'client'}: "cluster-a" is no cluster ID such as 42 or 0.0.0.42. What was valid before stays in force.`,
      ]),
    )
    expectWhole()
  })

  it('of nodes with AS numbers of their own: sessions between all, of one AS alone, and the last good number', async () => {
    const rack = (n: number) => ({ annotations: { 'kube-router.io/node.asn': n <= 3 ? '64601' : '64602' } })
    for (const [mesh, wanted] of [
      [true, MESH],
      ['within-as', ['1-2', '1-3', '2-3', '4-5', '4-6', '5-6']],
    ] as const) {
      await agents?.[Symbol.asyncDispose]()
      agents = new Agents({ mesh })
      await agents.start(...SIX)
      for (const n of SIX) agents.change(n, rack(n))
      await agents.settle(2 * LATER)
      expect(agents.sessions()).to.deep.equal(wanted)
      expect(agents.network(1).view.snapshot().asn).to.equal(64601)
      if (mesh === true) expectWhole()
    }
    agents.change(1, { annotations: { 'podroute.io/node.asn': '65535' } })
    await agents.settle(LATER)
    expect(agents.network(1).view.snapshot().asn).to.equal(64601)
    expect(agents.events.map(([who, { reason }]) => [who, reason])).to.deep.equal([
      ['node-1', 'InvalidAnnotation'],
    ])
  })

  it('of two clusters: clients have their own servers, and reach the others through them', async () => {
    await start()
    for (const n of SIX) {
      const id = n % 2 === 0 ? '42' : '7'
      agents.change(n, n <= 2 ? server(id) : client(id))
    }
    await agents.settle(LATER)
    expect(agents.sessions()).to.deep.equal(['1-2', '1-3', '1-5', '2-4', '2-6'])
    expectWhole()
  })

  it('are chosen by themselves beyond the threshold, up and down, and keep sessions near it (A19)', async () => {
    // Above 4 there are reflectors, above 5 the mesh is given up.
    await start({ reflectors: { fromNodes: 4, count: 2, perNode: 2 } }, [1, 2, 3, 4])
    await agents.start(5)
    await agents.settle(LATER)
    expect(agents.sessions().length).to.be.below(10).and.above(6)
    await agents.start(6)
    await agents.settle(LATER)
    const few = agents.sessions()
    expect(few).to.have.lengthOf(1 + 2 * 4)
    expectWhole()
    // A node that leaves takes its own sessions along, and whoever reflected with it is replaced.
    const reflector = SIX.find((n) => few.filter((s) => s.split('-').includes(String(n))).length === 5)!
    agents.remove(reflector)
    await agents.settle(LATER)
    expectWhole()
    agents.remove(SIX.find((n) => n !== reflector)!)
    await agents.settle(LATER)
    expect(agents.sessions()).to.have.lengthOf(6)
    expectWhole()
  })

  it('lose nothing while reflectors restart, one by one', async () => {
    await start({ reflectors: { fromNodes: 2, count: 2, perNode: 2 } })
    await agents.settle(LATER)
    for (const n of SIX) {
      await agents.restart(n)
      await agents.settle(LATER)
      expectWhole()
    }
  })

  for (const [how, settings] of [
    ['with', testSettings],
    ['without', withoutRestart],
  ] as const)
    it(`lose nothing while the only reflector and a client restart, ${how} graceful restart`, async () => {
      agents = new Agents({}, settings)
      await agents.start(...SIX)
      for (const n of SIX) agents.change(n, n === 1 ? server('42') : client('42'))
      await agents.settle(LATER)
      for (const n of [1, 2]) {
        await agents.restart(n)
        await agents.settle(LATER)
        expectWhole()
      }
    })

  it('never believe a reflector what does not hold of a Node', async () => {
    await start()
    for (const n of SIX) agents.change(n, n <= 2 ? server('42') : client('42'))
    await agents.settle(LATER)
    const before = agents
      .network(3)
      .view.snapshot()
      .routes.filter(({ state }) => state === 'refused')
    expect(before).to.deep.equal([])
    // The API says that the pods of node 5 are elsewhere: what it announced is not taken from anybody any more.
    agents.change(5, { podCIDRs: ['10.244.55.0/24'] }, (agent) => (agent === 5 ? 1e9 : 0))
    await agents.settle(1000)
    const refused = agents
      .network(3)
      .view.snapshot()
      .routes.filter(({ state }) => state === 'refused')
    expect(refused.map(({ destination }) => destination)).to.deep.equal([])
    expect(
      agents
        .network(1)
        .view.snapshot()
        .routes.filter(({ state }) => state === 'refused')[0],
    ).to.deep.include({
      destination: '10.244.5.0/24',
      detail: 'outside-pod-cidrs',
      from: ['node-5'],
    })
  })
})
