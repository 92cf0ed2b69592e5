import { cidr } from '@podroute/address/cidr.ts'
import type { NodeObject } from '@podroute/cluster/objects/node.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { testNode } from '../testing/fixtures.ts'
import { LOCAL, World } from '../testing/world.ts'
import { type LastKnown, LastKnownNodes, PATIENCE } from './last-known-nodes.ts'

const SAVED = 31_000

describe('what the last agent knew of the Nodes', () => {
  let clock: ManualClock
  let kept: LastKnown | undefined
  let saves: number
  let told: string[]
  let last: LastKnownNodes
  const start = () => {
    told = []
    last = new LastKnownNodes({
      ...{ nodeName: LOCAL, clock, log: { warn() {}, info() {} } },
      store: {
        load: () => kept,
        save(value) {
          saves += 1
          // As it comes from a file.
          kept = JSON.parse(JSON.stringify(value)) as LastKnown
        },
      },
      sink: {
        setNode: ({ name, podCidrs, ready }) =>
          void told.push(`${name} ${podCidrs.map(({ text }) => text).join()}${ready ? '' : ' not ready'}`),
        removeNode: (name) => void told.push(`no ${name}`),
        setServiceRanges: (ranges) => void told.push(`services ${ranges.map(({ text }) => text).join()}`),
        nodesAsLastKnown: () => void told.push('as last known'),
        nodesSynced: () => void told.push('synced'),
      },
    })
    last.start()
  }
  const node = (n: number, more: Partial<NodeObject> = {}) => testNode(n, more)
  const tell = (...nodes: readonly ReturnType<typeof node>[]) => {
    for (const each of nodes) last.changed(each.name, each)
  }

  beforeEach(() => {
    clock = new ManualClock()
    kept = undefined
    saves = 0
    start()
  })
  afterEach(() => last[Symbol.dispose]())

  const leave = async () => {
    last.rangesChanged([cidr('10.96.0.0/16')])
    tell(node(1), node(2, { ready: false }), node(3))
    last.synced()
    await clock.advance(SAVED)
    last[Symbol.dispose]()
    start()
  }

  it('is told where the API server says nothing, and no sooner', async () => {
    await leave()
    await clock.advance(PATIENCE - 1)
    expect(told).to.deep.equal([])
    await clock.advance(1)
    expect(told).to.deep.equal([
      'services 10.96.0.0/16',
      'node-1 10.244.1.0/24,fd10:244:0:1::/64',
      'node-2 10.244.2.0/24,fd10:244:0:2::/64 not ready',
      'node-3 10.244.3.0/24,fd10:244:0:3::/64',
      'as last known',
    ])
  })

  it('gives way to what the API server says: what it has no more goes when it has told all', async () => {
    await leave()
    tell(node(2))
    await clock.advance(PATIENCE)
    expect(told.filter((text) => text.startsWith('node-2'))).to.deep.equal([
      'node-2 10.244.2.0/24,fd10:244:0:2::/64',
    ])
    told = []
    tell(node(1))
    expect(told).to.deep.equal(['node-1 10.244.1.0/24,fd10:244:0:1::/64'])
    last.synced()
    expect(told.slice(1)).to.deep.equal(['no node-3', 'synced'])
  })

  it('is not asked for where the API server answers in time', async () => {
    await leave()
    tell(node(1))
    last.synced()
    await clock.advance(PATIENCE)
    expect(told).to.deep.equal(['node-1 10.244.1.0/24,fd10:244:0:1::/64', 'synced'])
  })

  it('is nothing without the own Node', async () => {
    tell(node(2))
    last.synced()
    await clock.advance(SAVED)
    expect(saves).to.equal(0)
    start()
    await clock.advance(PATIENCE)
    expect(told).to.deep.equal([])
  })

  it('is nothing while the own Node has no pod prefixes, and is written a second after it gets them', async () => {
    tell(node(1, { podCIDRs: [] }))
    last.synced()
    await clock.advance(1000)
    expect([saves, kept?.nodes[0]?.podCIDRs]).to.deep.equal([1, []])
    start()
    await clock.advance(PATIENCE)
    expect(told).to.deep.equal([])
    last[Symbol.dispose]()
    start()
    tell(node(1, { podCIDRs: [] }), node(2))
    last.synced()
    await clock.advance(5000)
    tell(node(3), node(1))
    await clock.advance(1000)
    expect(kept?.nodes.map(({ name }) => name)).to.have.members(['node-1', 'node-2', 'node-3'])
    expect(kept?.nodes[0]?.podCIDRs).to.have.length(2)
  })

  it('is written a second after a change, each thirty seconds at most, and not for heartbeats', async () => {
    tell(node(1))
    last.synced()
    await clock.advance(1000)
    expect(saves).to.equal(1)
    for (let n = 2; n < 12; n++) {
      tell(node(n))
      await clock.advance(1000)
    }
    expect(saves).to.equal(1)
    await clock.advance(20_000)
    expect(saves).to.equal(2)
    expect(kept?.nodes).to.have.length(11)
    tell(node(1), node(2))
    await clock.advance(2 * SAVED)
    expect(saves).to.equal(2)
  })
})

describe('a pod network that knows the Nodes from the last agent alone', () => {
  it('announces its pods, keeps every route, and sweeps when the API server has spoken', async () => {
    await using world = new World({ routing: 'api' })
    await world.start(testNode(1), testNode(2), testNode(3))
    const routes = world.routes()
    expect(routes).to.have.length(4)
    await world.startOver()
    for (const n of [1, 2]) world.network.setNode(testNode(n))
    world.network.nodesAsLastKnown()
    await world.settle(180_000)
    expect(world.routes()).to.deep.equal(routes)
    expect(world.problems().join()).to.include('the Nodes are not known yet')
    world.network.nodesSynced()
    await world.settle(180_000)
    expect(world.routes()).to.deep.equal(routes.filter((route) => !/244(:0)?[.:]3/.test(route)))
  })
})
