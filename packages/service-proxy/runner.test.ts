import type { Slice } from '@podroute/cluster/objects/endpoint-slice.ts'
import type { ClusterNode, NodeObject } from '@podroute/cluster/objects/node.ts'
import { parseNode } from '@podroute/cluster/objects/parse-node.ts'
import type { Service } from '@podroute/cluster/objects/service.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { ProxyMetrics } from './metrics.ts'
import { type FollowedKind, Runner, type UsedProxy } from './runner.ts'

const object = (n: number, more: Partial<NodeObject> = {}): NodeObject => ({
  name: `node-${n}`,
  podCIDRs: [`10.244.${n}.0/24`],
  internalIPs: [`172.30.0.1${n}`],
  ready: true,
  ...more,
})

/** `10.244.1.0/24 172.30.0.11` */
function networkOf(node: ClusterNode | undefined): string {
  return node ? [...node.podCidrs, ...node.addresses].map(({ text }) => text).join(' ') : 'none'
}

const SERVICE = {} as Service
const SLICE = {} as Slice

describe('service runner', () => {
  let calls: string[]
  let logged: string[]
  let startErrors: Error[]
  let unable: string[]
  let late: boolean
  let said: string[]
  let known: Map<string, ClusterNode>
  let clock: ManualClock
  let runner: Runner

  beforeEach(() => {
    calls = []
    logged = []
    startErrors = []
    unable = []
    late = false
    said = []
    known = new Map()
    clock = new ManualClock()
    const note =
      (name: string) =>
      (...args: unknown[]) =>
        void calls.push(`${name} ${args.map(String).join(' ')}`.trim())
    const proxy = {
      start: async () => {
        const error = startErrors.shift()
        if (error) throw error
      },
      synced: async () => note('synced')(),
      setNodeAddresses: note('node'),
      nodeChanged: (before: ClusterNode | undefined, after: ClusterNode | undefined) =>
        note('changed')(networkOf(before), '>', networkOf(after)),
      setZone: note('zone'),
      serviceChanged() {},
      isHealthy: () => !late,
    } as unknown as UsedProxy
    const log = (message: string) => logged.push(message)
    runner = new Runner({
      nodeName: 'node-1',
      proxy,
      metrics: new ProxyMetrics(() => 0),
      log: { debug: log, info: log, warn: log, error: log },
      // Backoffs at their full length.
      random: () => 1,
      gateChanged() {},
      unable: (reason) => void unable.push(reason),
      largeFirstSync: () => void said.push('large'),
      synced: () => void said.push('synced'),
      clock,
    })
  })
  afterEach(() => runner[Symbol.dispose]())

  /** As the cluster tells of a Node that came or changed. */
  const set = (node: NodeObject) => {
    const after = parseNode(node)
    runner.nodeChanged(node.name, known.get(node.name), after)
    known.set(node.name, after)
  }
  const remove = (name: string) => {
    runner.nodeChanged(name, known.get(name), undefined)
    known.delete(name)
  }
  const manySlices = (count: number) => {
    for (let n = 0; n < count; n++) runner.sliceChanged(undefined, SLICE)
  }
  const sync = (...kinds: FollowedKind[]) => {
    for (const kind of kinds) runner.kindSynced(kind)
  }

  it('waits for all that it follows, then lets the proxy sync', async () => {
    expect(runner.problem).to.equal('starting')
    await runner.start()
    expect(runner.problem).to.equal('waiting for nodes, services, endpointslices')
    sync('services', 'nodes')
    expect(runner.gate).to.equal('waiting for endpointslices')
    expect(calls).to.not.include('synced')
    sync('endpointslices')
    expect(runner.problem).to.equal('first sync')
    await Promise.resolve()
    expect(calls.filter((call) => call === 'synced')).to.have.length(1)
    expect([runner.problem, runner.gate]).to.deep.equal([undefined, undefined])
  })

  it('says once that the first sync is over', async () => {
    await runner.start()
    runner.serviceChanged('ns/a', undefined, SERVICE)
    sync('services', 'nodes', 'endpointslices')
    expect(said).to.deep.equal([])
    await Promise.resolve()
    manySlices(4000)
    expect(said).to.deep.equal(['synced'])
  })

  it('says once before that where there is very much to do', async () => {
    manySlices(7000)
    expect(said).to.deep.equal(['large'])
    await runner.start()
    sync('services', 'nodes', 'endpointslices')
    await Promise.resolve()
    expect(said).to.deep.equal(['large', 'synced'])
  })

  it('tries again where the kernel cannot, says so once per reason, and lets pods start meanwhile', async () => {
    const none = new Error('the kernel has no IPVS')
    startErrors.push(none, none, none, new Error('nftables refused the base rules'))
    await runner.start()
    expect([runner.problem, runner.gate]).to.deep.equal(['the kernel has no IPVS', undefined])
    // One, two, four, then eight seconds later.
    const left: number[] = []
    for (const at of [999, 1, 1999, 1, 3999, 1]) {
      await clock.advance(at)
      left.push(startErrors.length)
    }
    expect(left).to.deep.equal([3, 2, 2, 1, 1, 0])
    expect(runner.problem).to.equal('nftables refused the base rules')
    await clock.advance(9000)
    expect(logged).to.deep.equal(Array(2).fill('Services do not work on this node'))
    expect(unable).to.deep.equal(['the kernel has no IPVS', 'nftables refused the base rules'])
    expect(runner.problem).to.match(/^waiting for/)
  })

  it('is healthy while it starts, for a minute, and then as the proxy is', async () => {
    expect(runner.health()).to.include({ healthy: true, eligible: true })
    await clock.advance(60_000)
    expect(runner.health()).to.include({ healthy: false })
    await runner.start()
    sync('nodes', 'services', 'endpointslices')
    await Promise.resolve()
    expect(runner.health()).to.include({ healthy: true })
    late = true
    expect(runner.health()).to.include({ healthy: false })
  })

  it('is not healthy where the kernel cannot', async () => {
    startErrors.push(new Error('the kernel has no IPVS'))
    await runner.start()
    expect(runner.health()).to.include({ healthy: false })
  })

  it('wants no new connections on a node that goes', () => {
    set(object(1))
    set(object(2, { leaving: true }))
    expect(runner.health()).to.include({ eligible: true })
    set(object(1, { leaving: true }))
    expect(runner.health()).to.include({ eligible: false })
    set(object(1))
    expect(runner.health()).to.include({ eligible: true })
    remove('node-1')
    expect(runner.health()).to.include({ eligible: false })
  })

  it('tells the proxy of each Node whose network changed, and of heartbeats nothing', () => {
    for (const n of [2, 3]) set(object(n))
    sync('nodes')
    set(object(2, { ready: false }))
    set(object(2, { podCIDRs: ['10.244.9.0/24'] }))
    remove('node-3')
    expect(calls).to.deep.equal([
      'changed none > 10.244.2.0/24 172.30.0.12',
      'changed none > 10.244.3.0/24 172.30.0.13',
      'changed 10.244.2.0/24 172.30.0.12 > 10.244.9.0/24 172.30.0.12',
      'changed 10.244.3.0/24 172.30.0.13 > none',
    ])
  })

  it('tells it the own addresses and zone', () => {
    set(object(1, { zone: 'a' }))
    set(object(2, { podCIDRs: ['10.0.0.0/8'], internalIPs: ['bad'], zone: 'b' }))
    sync('nodes')
    expect(calls).to.deep.equal([
      'zone a',
      'node 172.30.0.11',
      'changed none > 10.244.1.0/24 172.30.0.11',
      'changed none > 10.0.0.0/8',
    ])
  })
})
