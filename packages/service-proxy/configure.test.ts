/** Each option of `serviceProxy` on a running proxy: what the kernel gets then, message by message, and nothing else. */
import type { Statement } from '@podroute/cluster/events/event.ts'
import { ClusterState } from '@podroute/cluster/state.ts'
import { nodeObject } from '@podroute/cluster/testing/objects.ts'
import { PodPrefixes } from '@podroute/feature/pod-prefixes.ts'
import { ReservedAddresses } from '@podroute/feature/reserved-addresses.ts'
import { ServedAddresses } from '@podroute/feature/served-addresses.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import * as z from 'zod'
import { ServiceProxyFeature } from './feature.ts'
import { section } from './section.ts'
import type { ServiceProxySettings } from './settings.ts'
import { FakeProxyKernel } from './testing/fake-proxy-kernel.ts'
import { service, slice } from './testing/objects.ts'

/** Keys of the configuration file. */
interface File {
  readonly serviceProxy?: Readonly<Record<string, unknown>>
  readonly serviceCIDRs?: readonly string[]
}

function settings({ serviceProxy = {}, serviceCIDRs = [] }: File): ServiceProxySettings {
  const file = { ...z.object(section.shape).parse({ serviceProxy }), serviceCIDRs, nodeCIDRs: [] }
  const input = {
    readSecret: () => undefined,
    readSecretIfThere: () => undefined,
    trySecret: () => ({ problem: 'none' }),
    problem() {},
  }
  return section.settings(file, input) as ServiceProxySettings
}

const SILENT = { debug() {}, info() {}, warn() {}, error() {} }

/** A Service of each kind that an option may concern, all with one endpoint. */
const SERVICES = [
  service('web', { clusterIP: '10.96.0.1' }),
  service('door', {
    ...{ type: 'NodePort', clusterIP: '10.96.0.2', ports: [{ port: 80, nodePort: 30080, protocol: 'TCP' }] },
  }),
  service('outside', { clusterIP: '10.96.0.3', externalIPs: ['203.0.113.7'] }),
  service(
    'balanced',
    { type: 'LoadBalancer', clusterIP: '10.96.0.4' },
    { status: { loadBalancer: { ingress: [{ ip: '10.97.0.9' }] } } },
  ),
  service('six', { clusterIP: 'fd10:96::1' }),
]

async function running() {
  const clock = new ManualClock()
  const kernel = new FakeProxyKernel()
  kernel.interfaceAddresses = ['192.0.2.11', '198.51.100.1']
  const cluster = new ClusterState()
  const recorded: string[] = []
  const events = { record: ({ reason, note }: Statement) => void recorded.push(`${reason} ${note}`) }
  const context = {
    ...{
      nodeName: 'node',
      stateDirectory: '/run/test',
      cluster,
      reserved: new ReservedAddresses(),
      events,
      clock,
    },
    served: new ServedAddresses(),
    podPrefixes: new PodPrefixes(),
    ...{ random: () => 1, log: SILENT, podGate: () => undefined, pluginFields: () => ({}), gateChanged() {} },
    writer: () => Promise.reject(new Error('unused')),
    store: () => ({ load: () => undefined, save() {} }),
    firstSync: { large() {}, done() {} },
    kernel: () => Promise.reject(new Error('the test hands it over')),
  }
  const feature = new ServiceProxyFeature(context, settings({}), kernel)
  await feature.start()
  cluster.set('nodes', 'node', nodeObject('node', { internalIPs: ['192.0.2.11'] }))
  for (const object of SERVICES) cluster.set('services', `test/${object.metadata?.name}`, object)
  for (const { metadata } of SERVICES) {
    const name = metadata!.name!
    const object = slice(name, [name === 'six' ? 'fd10:244:2::2' : '10.244.2.2'])
    cluster.set('endpointslices', `test/${object.metadata?.name}`, object)
  }
  for (const kind of ['nodes', 'services', 'endpointslices'] as const) cluster.synced(kind)
  await clock.advance(1000)
  expect(feature.podGate()).to.equal(undefined)
  /** What the kernel got, as a set: what does not depend on each other has no order. */
  const told = async (change: () => void): Promise<string[]> => {
    kernel.messages.length = 0
    change()
    await clock.advance(100)
    return [...kernel.messages].sort()
  }
  const configure = (file: File) => told(() => expect(feature.configure(settings(file))).to.deep.equal([]))
  return { clock, kernel, cluster, feature, configure, told, recorded }
}

const added = (set: string, ...elements: string[]) => elements.map((element) => `add ${set} ${element}`)
const removed = (set: string, ...elements: string[]) => elements.map((element) => `delete ${set} ${element}`)

describe('options of a running service proxy', () => {
  it('masqueradeAll: elements for each ClusterIP, and no more', async () => {
    const { configure } = await running()
    const elements4 = ['10.96.0.1', '10.96.0.2', '10.96.0.3', '10.96.0.4'].map((ip) => `${ip} . tcp . 80`)
    const on = { serviceProxy: { masqueradeAll: true } }
    expect(await configure(on)).to.have.members([
      ...added('service-masquerade-4', ...elements4),
      ...added('service-masquerade-6', 'fd10:96::1 . tcp . 80'),
    ])
    expect(await configure(on), 'the same again').to.deep.equal([])
    expect(await configure({})).to.have.members([
      ...removed('service-masquerade-4', ...elements4),
      ...removed('service-masquerade-6', 'fd10:96::1 . tcp . 80'),
    ])
  })

  it('serviceCIDRs: addresses in a range of Services are no load balancer’s any more', async () => {
    const { configure, feature } = await running()
    const gone = [
      'remove-route 10.97.0.9/32',
      'remove-server tcp 10.97.0.9 80',
      ...removed('service-vips-4', '10.97.0.9'),
      ...removed('service-ports-4', '10.97.0.9 . tcp . 80'),
      ...removed('service-masquerade-4', '10.97.0.9 . tcp . 80'),
    ]
    const without = await configure({ serviceCIDRs: ['10.96.0.0/15'] })
    // With a server its destinations go, whether they are removed before it or not.
    expect(without.filter((message) => !message.startsWith('remove-destination'))).to.have.members(gone)
    const rows = feature.pages[0]!.data().problems.map(({ detail }) => detail)
    expect(rows).to.deep.include('10.97.0.9: inside the range of pods or Services')
    expect(await configure({})).to.have.members([
      'add-route 10.97.0.9/32',
      'add-server tcp 10.97.0.9 80',
      'add-destination tcp 10.97.0.9 80',
      ...added('service-vips-4', '10.97.0.9'),
      ...added('service-ports-4', '10.97.0.9 . tcp . 80'),
      ...added('service-masquerade-4', '10.97.0.9 . tcp . 80'),
    ])
  })

  it('a ServiceCIDR of the API counts like those of the configuration, as long as it is there', async () => {
    const { cluster, told, feature } = await running()
    const before = await told(() => cluster.set('servicecidrs', 'first', { cidrs: ['10.96.0.0/16'] }))
    expect(before).to.deep.equal([])
    const taken = await told(() => cluster.set('servicecidrs', 'second', { cidrs: ['10.97.0.0/16'] }))
    expect(taken).to.include('remove-server tcp 10.97.0.9 80')
    const problems = () => feature.pages[0]!.data().problems.map(({ detail }) => detail)
    expect(problems()).to.include('10.97.0.9: inside the range of pods or Services')
    const back = await told(() => cluster.delete('servicecidrs', 'second'))
    expect(back.filter((message) => message.startsWith('add-server'))).to.have.length(1)
    expect(problems().filter((detail) => detail.includes('10.97.0.9'))).to.deep.equal([])
  })

  it('nodePortRanges: NodePorts move to the addresses in them', async () => {
    const { configure } = await running()
    const at = (address: string) => `tcp ${address} 30080`
    const there = (await configure({ serviceProxy: { nodePortRanges: ['198.51.100.0/24'] } })).filter(
      (message) => !message.startsWith('remove-destination'),
    )
    expect(there).to.have.members([
      ...[`add-server ${at('198.51.100.1')}`, `add-destination ${at('198.51.100.1')}`],
      `remove-server ${at('192.0.2.11')}`,
      ...added('service-masquerade-4', '198.51.100.1 . tcp . 30080'),
      ...removed('service-masquerade-4', '192.0.2.11 . tcp . 30080'),
    ])
  })

  it('externalIPRanges: externalIPs come with a range, and go with it', async () => {
    const { configure, kernel } = await running()
    expect(await configure({ serviceProxy: { externalIPRanges: ['203.0.113.0/24'] } })).to.have.members([
      'add-route 203.0.113.7/32',
      'add-server tcp 203.0.113.7 80',
      'add-destination tcp 203.0.113.7 80',
      ...added('service-vips-4', '203.0.113.7'),
      ...added('service-ports-4', '203.0.113.7 . tcp . 80'),
      ...added('service-masquerade-4', '203.0.113.7 . tcp . 80'),
    ])
    const touched = await configure({})
    expect(touched.filter((message) => !message.includes('203.0.113.7'))).to.deep.equal([])
    expect(kernel.routeTable.has('203.0.113.7/32')).to.equal(false)
  })

  it('drainSeconds: nothing, but endpoints that go from then on stay for as long', async () => {
    const { configure, cluster, kernel, clock } = await running()
    kernel.connections.set('10.244.2.2:8080', 1).set('10.244.2.3:8080', 1)
    const show = (...addresses: string[]) =>
      cluster.set('endpointslices', 'test/web-4', slice('web', addresses))
    show('10.244.2.2', '10.244.2.3')
    await clock.advance(1000)
    show('10.244.2.3')
    await clock.advance(1000)
    expect(await configure({ serviceProxy: { drainSeconds: 5 } })).to.deep.equal([])
    show()
    await clock.advance(7000)
    const draining = () => kernel.draining('tcp 10.96.0.1 80')
    expect(draining(), 'one that drained already keeps its deadline').to.deep.equal(['10.244.2.2:8080'])
    await clock.advance(25_000)
    expect(draining()).to.deep.equal([])
  })

  it('takeOver: what another proxy left becomes ours, with the endpoints that it has in common with ours', async () => {
    const { configure, cluster, kernel, clock, feature } = await running()
    const key = 'tcp 10.96.0.5 80'
    const at = { family: 4, protocol: 'tcp', address: '10.96.0.5', port: 80 } as const
    const theirs = { ...at, scheduler: 'wrr', flags: 0, timeout: 0, netmask: 32 } as const
    const endpoint = { address: '10.244.2.2', port: 8080, weight: 1, forwarding: 'masquerade' } as const
    const left = [endpoint, { ...endpoint, address: '10.244.2.9' }]
    await kernel.ipvs.apply([
      { kind: 'add-server', server: theirs },
      ...left.map((destination) => ({ kind: 'add-destination', server: theirs, destination }) as const),
    ])
    cluster.set('services', 'test/late', service('late', { clusterIP: '10.96.0.5' }))
    cluster.set('endpointslices', 'test/late-4', slice('late', ['10.244.2.2']))
    await clock.advance(1000)
    const problems = () => feature.pages[0]!.data().problems.map(({ code }) => code)
    expect(problems()).to.include('KERNEL_REFUSED')
    expect(kernel.table.get(key)?.server).to.deep.equal(theirs)
    const told = await configure({ serviceProxy: { takeOver: true } })
    expect(told).to.include(`replace-server ${key}`)
    expect(told.filter((message) => message.startsWith('remove-'))).to.deep.equal([])
    await clock.advance(20_000)
    expect(problems()).to.not.include('KERNEL_REFUSED')
    const { server } = kernel.table.get(key)!
    expect(server.scheduler).to.equal('rr')
    expect(kernel.endpoints(key)).to.deep.equal(['10.244.2.2:8080'])
    expect(await configure({})).to.deep.equal([])
  })

  it('health: another listener, and nothing in the kernel', async () => {
    const { configure, feature } = await running()
    const at = () => feature.listeners().map((listener) => listener.at)
    expect(at()).to.deep.equal([{ address: '::', port: 10256 }])
    expect(
      await configure({ serviceProxy: { health: { address: '127.0.0.1', port: 10300 } } }),
    ).to.deep.equal([])
    expect(at()).to.deep.equal([{ address: '127.0.0.1', port: 10300 }])
  })
})

describe('an interface that another service proxy left behind', () => {
  it('is an Event on the Node and a condition that keeps no node from being ready', async () => {
    const { clock, kernel, feature, recorded } = await running()
    const condition = () => feature.conditions().find(({ name }) => name === 'other service proxies')
    expect(condition()).to.include({ ok: true, advisory: true })
    const { index } = await kernel.links.add({ name: 'kube-ipvs0', kind: 'dummy' })
    const address = { family: 4, address: '10.96.0.99', prefixLength: 32, scope: 0, flags: 0 } as const
    await kernel.addresses.add({ interfaceIndex: index, ...address })
    await clock.advance(1)
    const detail =
      'kube-ipvs0 of kube-proxy is still there, with 1 address of Services, which do not count as the node\'s: end kube-proxy on this node, then "ip link delete kube-ipvs0"'
    expect(recorded).to.include(`ServiceProxyLeftBehind ${detail}`)
    expect(condition()).to.include({ ok: false, detail, advisory: true })
    await kernel.addresses.remove({ interfaceIndex: index, ...address })
    await clock.advance(1)
    expect(condition()?.ok).to.equal(true)
    await feature[Symbol.asyncDispose]()
  })
})
