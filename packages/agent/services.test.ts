import type { NodeObject } from '@podroute/cluster/objects/node.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { ServiceRunner, type UsedProxy } from './services.ts'

const node = (n: number, more: Partial<NodeObject> = {}): NodeObject => ({
  name: `node-${n}`,
  podCIDRs: [`10.244.${n}.0/24`],
  internalIPs: [`172.30.0.1${n}`],
  ready: true,
  ...more,
})

describe('service runner', () => {
  let calls: string[]
  let logged: string[]
  let pauses: number[]
  let startErrors: Error[]
  let unable: string[]
  let late: boolean
  let said: string[]
  const clock = new ManualClock()
  let runner: ServiceRunner
  const stop = new AbortController()

  beforeEach(() => {
    calls = []
    logged = []
    pauses = []
    startErrors = []
    unable = []
    late = false
    said = []
    const note =
      (name: string) =>
      (...args: unknown[]) =>
        void calls.push(`${name} ${args.map(String).join(' ')}`.trim())
    const proxy = {
      prepare() {},
      start: async () => {
        const error = startErrors.shift()
        if (error) throw error
      },
      synced: async () => note('synced')(),
      setNodeAddresses: note('node'),
      setClusterAddresses: note('cluster'),
      setPodCIDRs: note('pods'),
      setZone: note('zone'),
      deleteService: note('delete service'),
      upsertService: () => note('service')(),
      upsertSlice() {},
      setReservedAddresses: note('reserve'),
      isReserved: (address: string) => address === '192.0.2.2',
      isHealthy: () => !late,
    } as unknown as UsedProxy
    const log = (message: string) => logged.push(message)
    runner = new ServiceRunner({
      nodeName: 'node-1',
      proxy,
      log: { debug: log, info: log, warn: log, error: log },
      random: () => 0,
      onChange() {},
      onUnable: (reason) => void unable.push(reason),
      onBusy: () => void said.push('busy'),
      onSynced: () => void said.push('synced'),
      clock,
      pause: async (ms) => void pauses.push(ms),
    })
  })
  const sync = (...kinds: string[]) => {
    for (const kind of kinds) runner.kindSynced(kind)
  }

  it('waits for all that it follows, then lets the proxy sync', async () => {
    expect(runner.problem).to.equal('starting')
    await runner.run(stop.signal)
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
    await runner.run(stop.signal)
    runner.setService('ns/a', { spec: { clusterIP: '10.96.0.7' } })
    sync('services', 'nodes', 'endpointslices')
    expect(said).to.deep.equal([])
    await Promise.resolve()
    for (let n = 0; n < 4000; n++) runner.setSlice({})
    expect(said).to.deep.equal(['synced'])
  })

  it('says once before that where there is very much to do', async () => {
    for (let n = 0; n < 7000; n++) runner.setSlice({})
    expect(said).to.deep.equal(['busy'])
    await runner.run(stop.signal)
    sync('services', 'nodes', 'endpointslices')
    await Promise.resolve()
    expect(said).to.deep.equal(['busy', 'synced'])
  })

  it('tries again where the kernel cannot, says so once per reason, and lets pods start meanwhile', async () => {
    const none = new Error('the kernel has no IPVS')
    startErrors.push(none, none, none, new Error('nftables refused the base rules'))
    const seen: (string | undefined)[] = []
    const run = runner.run(stop.signal)
    await Promise.resolve()
    seen.push(runner.problem, runner.gate)
    await run
    expect(seen).to.deep.equal(['the kernel has no IPVS', undefined])
    expect(logged).to.deep.equal(Array(2).fill('Services do not work on this node'))
    expect(unable).to.deep.equal(['the kernel has no IPVS', 'nftables refused the base rules'])
    expect(pauses).to.deep.equal([1000, 2000, 4000, 8000])
    expect(runner.problem).to.match(/^waiting for/)
  })

  it('is healthy while it starts, for a minute, and then as the proxy is', async () => {
    expect(runner.health()).to.include({ healthy: true, eligible: true })
    await clock.advance(60_000)
    expect(runner.health()).to.include({ healthy: false })
    await runner.run(stop.signal)
    sync('nodes', 'services', 'endpointslices')
    await Promise.resolve()
    expect(runner.health()).to.include({ healthy: true })
    late = true
    expect(runner.health()).to.include({ healthy: false })
  })

  it('is not healthy where the kernel cannot', async () => {
    startErrors.push(new Error('the kernel has no IPVS'))
    const run = runner.run(stop.signal)
    await Promise.resolve()
    expect(runner.health()).to.include({ healthy: false })
    await run
  })

  it('wants no new connections on a node that goes', () => {
    runner.setNode(node(1))
    runner.setNode(node(2, { leaving: true }))
    expect(runner.health()).to.include({ eligible: true })
    runner.setNode(node(1, { leaving: true }))
    expect(runner.health()).to.include({ eligible: false })
    runner.setNode(node(1))
    expect(runner.health()).to.include({ eligible: true })
    runner.removeNode('node-1')
    expect(runner.health()).to.include({ eligible: false })
  })

  it('tells the proxy of a first list of Nodes once, and of heartbeats nothing', () => {
    for (const n of [1, 2, 3]) runner.setNode(node(n))
    sync('nodes')
    const told = [
      'cluster 172.30.0.11,172.30.0.12,172.30.0.13',
      'pods 10.244.1.0/24,10.244.2.0/24,10.244.3.0/24',
    ]
    expect(calls.filter((call) => /^(cluster|pods)/.test(call))).to.deep.equal(told)
    runner.setNode(node(2, { ready: false }))
    expect(calls.filter((call) => /^(cluster|pods)/.test(call))).to.deep.equal(told)
    runner.removeNode('node-3')
    expect(calls.slice(-2)).to.deep.equal([
      'cluster 172.30.0.11,172.30.0.12',
      'pods 10.244.1.0/24,10.244.2.0/24',
    ])
  })

  it('tells it the own addresses and zone, and no prefixes that overlap', () => {
    runner.setNode(node(1, { zone: 'a' }))
    runner.setNode(node(2, { podCIDRs: ['10.0.0.0/8'], internalIPs: ['bad'], zone: 'b' }))
    sync('nodes')
    expect(calls).to.deep.equal(['zone a', 'node 172.30.0.11', 'cluster 172.30.0.11', 'pods 10.0.0.0/8'])
  })

  it('keeps the addresses of the API server from Services', () => {
    runner.apiServerAnswered('https://api:6443', '192.0.2.2')
    const labels = { 'kubernetes.io/service-name': 'kubernetes' }
    runner.setSlice({
      metadata: { namespace: 'default', name: 'kubernetes', labels },
      endpoints: [{ addresses: ['192.0.2.3'] }],
    })
    expect(calls).to.deep.equal(['reserve api-server 192.0.2.2', 'reserve api-server 192.0.2.2,192.0.2.3'])
  })

  it('takes no address for a Service’s that none may have: the route to it is needed', () => {
    runner.setService('ns/a', {
      spec: { clusterIP: '10.96.0.7' },
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.2' }] } },
    })
    expect(runner.isVip('10.96.0.7')).to.equal(true)
    expect(runner.isVip('192.0.2.2')).to.equal(false)
  })

  it('knows which addresses are Services', () => {
    runner.setService('ns/a', { spec: { clusterIP: '10.96.0.7' } })
    expect(runner.isVip('10.96.0.7')).to.equal(true)
    runner.removeService('ns/a')
    expect(runner.isVip('10.96.0.7')).to.equal(false)
    expect(calls).to.deep.equal(['service', 'delete service ns/a'])
  })
})
