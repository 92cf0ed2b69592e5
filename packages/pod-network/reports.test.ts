/** Reports from the field about other products (issue 17), as this pod network has them. */
import { cidr } from '@podroute/address/cidr.ts'
import type { Metric } from '@podroute/feature/metric.ts'
import type { Policy } from 'bgp-speaker-ts/policy/policy.ts'
import { expect } from 'chai'
import { acceptedPrefix } from './bgp/external-policy.ts'
import { declareBgpMetrics } from './metrics.ts'
import type { ExternalPeer } from './settings.ts'
import { testNode } from './testing/fixtures.ts'
import { ipv4Node, World } from './testing/world.ts'

const [UP, DOWN] = ['172.30.0.100', '172.30.0.101']
const router = (address: string, more: Partial<ExternalPeer> = {}): ExternalPeer => ({
  ...{ address, asn: 65000, acceptRoutes: false, maxPrefixes: 10 },
  ...more,
})

describe('reports from the field', () => {
  let world: World
  afterEach(() => world[Symbol.asyncDispose]())
  const configure = async (...externalPeers: readonly ExternalPeer[]) => {
    world.network.configure({ ...world.settings, externalPeers })
    await world.sessions()
  }

  /** Samples of one metric: `172.30.0.100=1`, `172.30.0.100 ipv4-unicast=1`. */
  const scrape = (name: string): string[] => {
    const samples: string[] = []
    const metric = (declared: Metric<string>) => {
      if (declared.name === name)
        declared.read((value, labels) => {
          const series = [labels?.peer, labels?.family].filter((label) => label !== undefined)
          samples.push(`${series.join(' ')}=${value}`)
        })
    }
    const { view } = world.network
    declareBgpMetrics(
      { metric: metric as never, own() {} },
      () => view.peers(),
      () => view.asn,
    )
    return samples.sort()
  }
  const sessions = () => scrape('podroute_bgp_session_up')
  const advertised = () => scrape('podroute_bgp_prefixes_advertised')
  /** Of both families of a router. */
  const each = (peer: string, count: number) =>
    ['ipv4-unicast', 'ipv6-unicast'].map((family) => `${peer} ${family}=${count}`)

  it('A10: metrics have one series for each peer and family that are configured now, and count what is told on a session that is up', async () => {
    world = new World({ externalPeers: [router(UP), router(DOWN)] })
    await world.start(testNode(1))
    await world.speak(UP, [], { asn: 65000 })
    await world.sessions()
    expect(sessions()).to.deep.equal([`${UP}=1`, `${DOWN}=0`])
    expect(advertised()).to.deep.equal([...each(UP, 1), ...each(DOWN, 0)])
    // Another port is another session of the same peer.
    await configure(router(UP, { port: 1179 }), router(DOWN, { description: 'other' }))
    expect(sessions()).to.deep.equal([`${UP}=0`, `${DOWN}=0`])
    expect(advertised()).to.deep.equal([...each(UP, 0), ...each(DOWN, 0)])
    await configure(router(UP))
    await world.sessions()
    expect(sessions()).to.deep.equal([`${UP}=1`])
    await world.silence(UP, 'stops')
    expect(sessions()).to.deep.equal([`${UP}=0`])
    expect(advertised(), 'nothing of an earlier session').to.deep.equal(each(UP, 0))
    await configure()
    expect(sessions()).to.deep.equal([])
    await configure(router('2001:db8::1'))
    expect(sessions()).to.deep.equal(['2001:db8::1=0'])
    // One without an address is named by its interface, also before it is found there.
    await configure({ interface: 'eth1', asn: 'external', acceptRoutes: false, maxPrefixes: 10 })
    expect(sessions()).to.deep.equal(['eth1=0'])
    expect(advertised()).to.deep.equal(each('eth1', 0))
    await configure({
      interface: 'eth1',
      asn: 'external',
      description: 'spine',
      acceptRoutes: false,
      maxPrefixes: 10,
    })
    expect(sessions()).to.deep.equal(['eth1=0'])
    await configure(router(UP), router(DOWN))
    await world.speak(UP, [], { asn: 65000 })
    await world.sessions()
    expect(advertised()).to.deep.equal([...each(UP, 1), ...each(DOWN, 0)])
    await world.restart({ externalPeers: [router(UP), router(DOWN)] }, testNode(1))
    await world.sessions()
    expect(sessions()).to.deep.equal([`${UP}=1`, `${DOWN}=0`])
    expect(advertised()).to.deep.equal([...each(UP, 1), ...each(DOWN, 0)])
    const shown = world.network.view
      .peers()
      .flatMap(({ address, counters }) =>
        counters.byFamily.map((counts) => `${address} ${counts.family}=${counts.advertised}`),
      )
    expect(shown.sort(), 'podroute peers').to.deep.equal(advertised())
  })

  it('A3: our own AS in the path of another rack is a loop, counted, logged and named in the routes, unless the router’s entry allows it', async () => {
    const accept = [
      acceptedPrefix(cidr('8.8.0.0/16'), { maxLength: 24 }),
      acceptedPrefix(cidr('10.244.0.0/16'), { maxLength: 24 }),
    ]
    const rack = (more: Partial<ExternalPeer> = {}) => router(UP, { acceptRoutes: accept, ...more })
    const looped: Policy = {
      rules: [{ name: 'other-rack', verdict: 'accept', set: { prepend: { asn: 64512, times: 1 } } }],
      otherwise: 'reject',
    }
    world = new World({ externalPeers: [rack()], mesh: false })
    await world.start(ipv4Node(1), ipv4Node(2))
    await world.speak(UP, ['8.8.7.0/24', '10.244.2.0/24'], { asn: 65000, exportPolicy: looped })
    await world.sessions()
    const said = () =>
      world.said.flatMap(({ message, fields }) =>
        message === 'announcement rejected' ? `${fields.prefix} ${fields.reason}` : [],
      )
    expect(world.routes()).to.deep.equal([])
    expect(said()).to.have.members(['10.244.2.0/24 as-loop', '8.8.7.0/24 as-loop'])
    const shown = () =>
      world.network.view
        .routes()
        .map(({ destination, state, from, detail }) => [destination, state, from, detail])
    const from = world.network.view.peers().map(({ name }) => name)
    expect(shown()).to.have.deep.members([
      ['10.244.2.0/24', 'refused', from, 'as-loop'],
      ['8.8.7.0/24', 'refused', from, 'as-loop'],
    ])
    expect(world.network.view.peers()[0]?.counters.rejected).to.deep.include({ 'as-loop': 2 })
    await configure(rack({ allowOwnAs: 1 }))
    await world.sessions()
    // What is believed about pods is judged as ever.
    expect(world.routes()).to.deep.equal([`8.8.7.0/24 via ${UP}`])
    const refused = world.network.view.routes().filter(({ state }) => state === 'refused')
    expect(refused.map(({ destination }) => destination)).to.deep.equal(['10.244.2.0/24'])
  })

  it('A12: IPv6 prefixes over an IPv4 session go by the Node’s IPv6 address, change in place with it, and not at all without one', async () => {
    world = new World({ externalPeers: [router(UP)] })
    await world.start(testNode(1))
    const far = await world.speak(UP, [], { asn: 65000 })
    await world.sessions()
    const told = () => Array.from(far.routes(), ({ prefix, nextHop }) => `${prefix} via ${nextHop}`).sort()
    expect(told()).to.deep.equal(['10.244.1.0/24 via 172.30.0.11', 'fd10:244:0:1::/64 via fd30::11'])
    // Addresses that the interface has beside that of the Node are nobody's next hop.
    const { index } = await world.kernel.links.add({ kind: 'dummy', name: 'eth1', up: true })
    for (const address of ['2001:db8::a', '2001:db8::b'])
      await world.kernel.addresses.add({
        ...{ interfaceIndex: index, address, prefixLength: 64 },
        ...{ family: 6 as const, scope: 0 },
      })
    await world.settle(2000)
    expect(told()).to.deep.equal(['10.244.1.0/24 via 172.30.0.11', 'fd10:244:0:1::/64 via fd30::11'])
    const withdrawn: string[] = []
    far.on('best', (changes) => {
      withdrawn.push(...changes.flatMap(({ prefix, best }) => (best ? [] : prefix)))
    })
    world.network.setNode(testNode(1, { internalIPs: ['172.30.0.11', 'fd30::99'] }))
    await world.settle(2000)
    expect(told()).to.deep.equal(['10.244.1.0/24 via 172.30.0.11', 'fd10:244:0:1::/64 via fd30::99'])
    expect(withdrawn).to.deep.equal([])
    world.network.setNode(testNode(1, { internalIPs: ['172.30.0.11'] }))
    await world.sessions()
    await world.sessions()
    expect(told()).to.deep.equal(['10.244.1.0/24 via 172.30.0.11'])
    // What is left out is said, once.
    world.network.setNode(testNode(1, { internalIPs: ['172.30.0.11'], zone: 'other' }))
    await world.settle()
    const warnings = world.said.filter(({ message }) => message === 'a Node has fields that cannot be used')
    expect(warnings.map(({ fields }) => fields.problems)).to.deep.equal([
      ['spec.podCIDRs: fd10:244:0:1::/64 is announced to nobody: the Node has no IPv6 address'],
    ])
  })

  it('listens where its sessions with routers are from, once it has the address', async () => {
    world = new World({ externalPeers: [router(UP, { localAddress: '192.0.2.77' })] })
    await world.start(ipv4Node(1))
    const listening = () => world.speaker?.listening().map(({ address }) => address)
    expect(listening()).to.deep.equal(['172.30.0.11'])
    expect(world.problems().join()).to.not.include('speaker')
    const { index } = await world.kernel.links.add({ kind: 'dummy', name: 'eth1', up: true })
    await world.kernel.addresses.add({
      ...{ interfaceIndex: index, address: '192.0.2.77', prefixLength: 24 },
      family: 4,
      scope: 0,
    })
    await world.settle(2000)
    expect(listening()).to.deep.equal(['172.30.0.11', '192.0.2.77'])
    await configure(router(UP))
    expect(listening()).to.deep.equal(['172.30.0.11'])
  })
})
