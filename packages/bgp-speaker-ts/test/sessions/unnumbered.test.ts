// Unnumbered peers: discovery, peers with equal link-local addresses on different links, and IPv4 over link-local next hops.
import { expect } from 'chai'
import type { BfdDown } from '../../bfd/bfd.ts'
import type { PeerConfig, SpeakerConfig } from '../../config.ts'
import { RouterDiscovery } from '../../discovery/router-discovery.ts'
import { BgpConfigError } from '../../errors.ts'
import type { PathMonitor } from '../../peer/path-watch.ts'
import { Speaker } from '../../speaker.ts'
import { ASN, Bench, SPEAKER } from '../../testing/bench.ts'
import { FakeClock } from '../../testing/fake-clock.ts'
import { MemoryNetwork } from '../../testing/memory-network.ts'

const FAMILIES = ['ipv4-unicast', 'ipv6-unicast'] as const
const V6 = { kind: 'extended-next-hop', families: [{ afi: 1, safi: 1, nextHopAfi: 2 }] } as const

class Hosts {
  readonly clock = new FakeClock()
  readonly network = new MemoryNetwork(this.clock)
  readonly speakers: Speaker[] = []

  async speaker(host: string, asn: number, config: Partial<SpeakerConfig> = {}): Promise<Speaker> {
    const { clock, network } = this
    const random = () => 0
    const speaker = new Speaker({
      asn,
      routerId: host,
      listen: { addresses: [host], port: 179 },
      transport: network.transport(host),
      discovery: new RouterDiscovery({ open: network.icmp6(host), clock, random }),
      clock,
      random,
      ...config,
    })
    this.speakers.push(speaker)
    await speaker.start()
    clock.settle()
    return speaker
  }

  async close(): Promise<void> {
    const closed = Promise.all(this.speakers.map((speaker) => speaker.close()))
    this.clock.advance(2000)
    await closed
  }
}

const onLink = (link: string, more: Partial<PeerConfig> = {}): PeerConfig => ({
  interface: link,
  asn: 'external',
  families: FAMILIES,
  ...more,
})

describe('unnumbered peers (RFC 4861, RFC 8950)', () => {
  let hosts: Hosts

  beforeEach(() => {
    hosts = new Hosts()
    hosts.network.link(
      { host: '10.0.0.1', interface: 'eth0', address: 'fe80::1' },
      { host: '10.0.0.2', interface: 'up', address: 'fe80::2' },
    )
  })
  afterEach(() => hosts.close())

  it('find each other by Router Advertisements and exchange both families over link-local next hops', async () => {
    const a = await hosts.speaker('10.0.0.1', 64512)
    const b = await hosts.speaker('10.0.0.2', 64513)
    a.addPeer(onLink('eth0'))
    expect(a.peers()[0]).to.include({ address: 'eth0', remoteAddress: undefined, state: 'active' })
    b.addPeer(onLink('up'))
    a.announce({ prefix: '10.1.0.0/16' })
    a.announce({ prefix: 'fd01::/48' })
    hosts.clock.advance(3000)
    expect(a.peers()[0]).to.include({
      address: 'eth0',
      remoteAddress: 'fe80::2%eth0',
      localAddress: 'fe80::1%eth0',
      asn: 64513,
      state: 'established',
    })
    expect([...b.routes()].map(({ prefix, nextHop, peer }) => [prefix, nextHop, peer])).to.deep.equal([
      ['10.1.0.0/16', 'fe80::1%up', 'up'],
      ['fd01::/48', 'fe80::1%up', 'up'],
    ])
  })

  it('are told apart by their links where their link-local addresses are the same', async () => {
    hosts.network.link(
      { host: '10.0.0.1', interface: 'eth1', address: 'fe80::1' },
      { host: '10.0.0.3', interface: 'up', address: 'fe80::2' },
    )
    const a = await hosts.speaker('10.0.0.1', 64512, { multipath: 4 })
    const b = await hosts.speaker('10.0.0.2', 64513)
    const c = await hosts.speaker('10.0.0.3', 64513)
    const multipath: (readonly (string | undefined)[])[] = []
    a.on('best', (changes) => {
      for (const change of changes) multipath.push((change.multipath ?? []).map(({ nextHop }) => nextHop))
    })
    for (const link of ['eth0', 'eth1']) a.addPeer(onLink(link))
    for (const speaker of [b, c]) {
      speaker.addPeer(onLink('up'))
      speaker.announce({ prefix: '10.7.0.0/16' })
    }
    hosts.clock.advance(3000)
    expect(a.peers().map(({ address, state }) => [address, state])).to.deep.equal([
      ['eth0', 'established'],
      ['eth1', 'established'],
    ])
    expect(a.paths('10.7.0.0/16').map(({ nextHop }) => nextHop)).to.have.members([
      'fe80::2%eth0',
      'fe80::2%eth1',
    ])
    expect(multipath.at(-1)).to.have.members(['fe80::2%eth0', 'fe80::2%eth1'])
    await withdrawn(() => b.close())
    expect(a.paths('10.7.0.0/16').map(({ nextHop }) => nextHop)).to.deep.equal(['fe80::2%eth1'])
  })

  const withdrawn = async (end: () => Promise<void>) => {
    const ended = end()
    hosts.clock.advance(2000)
    await ended
  }

  it('are let in from their link before anything is known of them, and from nowhere else', async () => {
    hosts.network.link(
      { host: '10.0.0.1', interface: 'eth1', address: 'fe80::1' },
      { host: '10.0.0.3', interface: 'up', address: 'fe80::2' },
    )
    const a = await hosts.speaker('10.0.0.1', 64512, { discovery: { watch: () => ({ close() {} }) } })
    a.addPeer(onLink('eth0'))
    for (const host of ['10.0.0.2', '10.0.0.3']) {
      const other = await hosts.speaker(host, 64513)
      other.addPeer({ address: 'fe80::1%up', asn: 64512, families: FAMILIES })
    }
    hosts.clock.advance(3000)
    expect(a.peers()[0]).to.include({ state: 'established', remoteAddress: 'fe80::2%eth0' })
    expect(hosts.speakers.map((speaker) => speaker.peers()[0]?.state)).to.deep.equal([
      'established',
      'established',
      'active',
    ])
  })

  it('are looked for again where they have moved to', async () => {
    let located: (address: string) => void = () => {}
    const a = await hosts.speaker('10.0.0.1', 64512, {
      discovery: {
        watch: (_link, heard) => {
          located = heard
          return { close() {} }
        },
      },
    })
    const b = await hosts.speaker('10.0.0.2', 64513)
    b.addPeer({ address: 'fe80::1%up', asn: 64512, families: FAMILIES, passive: true })
    a.addPeer(onLink('eth0', { password: 'secret' }))
    located('fe80::99%eth0')
    hosts.clock.advance(2500)
    expect(a.peers()[0]?.lastDown).to.deep.equal({ kind: 'connection-failed', error: 'connection refused' })
    expect([...hosts.network.passwords.keys()]).to.deep.equal(['fe80::99%eth0'])
    located('fe80::2%eth0')
    hosts.clock.settle()
    expect(a.peers()[0]?.state).to.equal('established')
    expect([...hosts.network.passwords.keys()]).to.deep.equal(['fe80::2%eth0'])
  })

  it('may be of a given AS, of any other, or of our own', async () => {
    const a = await hosts.speaker('10.0.0.1', 64512)
    const b = await hosts.speaker('10.0.0.2', 64513)
    b.addPeer(onLink('up'))
    for (const [asn, state] of [
      ['internal', 'active'],
      [64599, 'active'],
      [64513, 'established'],
    ] as const) {
      a.addPeer(onLink('eth0', { asn }))
      hosts.clock.advance(5500)
      expect([asn, a.peers()[0]?.state]).to.deep.equal([asn, state])
      await withdrawn(() => a.removePeer('eth0'))
    }
  })

  it('may be many, by a range of link-local addresses: each is named by its address and link', async () => {
    const a = await hosts.speaker('10.0.0.1', 64512)
    a.addDynamicPeers({ prefix: 'fe80::/10', asn: 'external', families: FAMILIES })
    const b = await hosts.speaker('10.0.0.2', 64513)
    b.addPeer({ address: 'fe80::1%up', asn: 64512, families: FAMILIES })
    b.announce({ prefix: '10.7.0.0/16' })
    hosts.clock.advance(2000)
    expect(a.peers()[0]).to.include({ address: 'fe80::2%eth0', state: 'established', asn: 64513 })
    expect([...a.routes()].map(({ nextHop }) => nextHop)).to.deep.equal(['fe80::2%eth0'])
  })

  it('are watched by BFD at the address that they were found at', async () => {
    const watched: string[] = []
    const down: ((event: BfdDown) => void)[] = []
    const bfd: PathMonitor = {
      addSession: ({ peer, local }) => void watched.push(`${local} to ${peer}`),
      removeSession: (peer) => void watched.push(`no more ${peer}`),
      on: (_event, heard) => down.push(heard),
    }
    const a = await hosts.speaker('10.0.0.1', 64512, { bfd })
    const b = await hosts.speaker('10.0.0.2', 64513)
    a.addPeer(onLink('eth0', { bfd: {} }))
    b.addPeer(onLink('up'))
    hosts.clock.advance(3000)
    expect(watched).to.deep.equal(['fe80::1%eth0 to fe80::2%eth0'])
    down[0]!({ peer: 'fe80::2%eth0', reason: 'detection-expired', diagnostic: '' })
    expect(a.peers()[0]?.lastDown).to.include({ code: 6, subcode: 10 })
    await withdrawn(() => a.removePeer('eth0'))
    expect(watched.at(-1)).to.equal('no more fe80::2%eth0')
  })

  it('need a discovery, a name that is none of an address, and no address', () => {
    const speaker = new Speaker({ asn: 1, routerId: '10.0.0.1' })
    const problems = (config: Partial<PeerConfig>) => {
      try {
        speaker.addPeer({ asn: 2, families: FAMILIES, ...config })
      } catch (error) {
        return (error as BgpConfigError).problems.map(({ path }) => path)
      }
      return []
    }
    expect(problems({ interface: 'eth0' })).to.deep.equal(['interface'])
    expect(problems({ interface: '10.0.0.1' })).to.deep.equal(['interface', 'interface'])
    expect(problems({ interface: 'eth0', address: '10.0.0.2' })).to.deep.equal(['interface', 'interface'])
    expect(problems({})).to.deep.equal(['address'])
    expect(problems({ address: 'fe80::1' })).to.deep.equal(['address'])
    expect(problems({ address: 'fd00::1%eth0' })).to.deep.equal(['address'])
    expect(problems({ address: 'fe80::1%eth0' })).to.deep.equal([])
    expect(() => speaker.addPeer({ asn: 2, families: FAMILIES, address: 'FE80:0::1%eth0' })).to.throw(
      BgpConfigError,
      'there is a peer',
    )
  })
})

describe('next hops on a link (RFC 2545)', () => {
  let bench: Bench

  beforeEach(async () => {
    bench = await Bench.started()
    bench.network.link(
      { host: SPEAKER, interface: 'eth0', address: 'fe80::1' },
      { host: '10.0.0.2', interface: 'up', address: 'fe80::2' },
    )
  })
  afterEach(() => bench.close())

  const reach = (nextHop: string, linkLocal?: string, prefix = 'fd05::/48') => {
    const attributes = { origin: 'igp' as const, asPath: [{ kind: 'sequence' as const, asns: [64513] }] }
    const update = { withdrawn: [], attributes, nlri: [] }
    const both = { nextHop, ...(linkLocal === undefined ? {} : { linkLocal }) }
    const mpReach = { afi: 2, safi: 1, ...both, nlri: [{ prefix }] }
    return { kind: 'update' as const, ...update, mpReach }
  }
  const linkLocal = (config: Partial<PeerConfig> = {}) => {
    const raw = bench.raw({ speaker: 'fe80::1%up', capabilities: [V6] })
    bench.speaker.addPeer({
      address: 'fe80::2%eth0',
      asn: 64513,
      families: FAMILIES,
      passive: true,
      ...config,
    })
    return raw.establish()
  }
  const nextHops = () => [...bench.speaker.routes('ipv6-unicast')].map(({ nextHop }) => nextHop)

  it('are the link-local ones of 32 bytes on a link-local session, with the interface', () => {
    const peer = linkLocal()
    for (const global of ['fd00::9', '::', 'fe80::2']) {
      peer.send(reach(global, 'fe80::2'))
      bench.clock.settle()
      expect(nextHops()).to.deep.equal(['fe80::2%eth0'])
    }
    peer.send(reach('fd00::9'))
    bench.clock.settle()
    expect(nextHops()).to.deep.equal(['fd00::9'])
  })

  it('are the global ones of 32 bytes on any other session, where a link-local one alone is rejected', () => {
    const peer = bench.peer().establish()
    peer.send(reach('fd00::9', 'fe80::2'), reach('fe80::2', undefined, 'fd06::/48'))
    bench.clock.settle()
    expect(nextHops()).to.deep.equal(['fd00::9'])
    expect(bench.speaker.peers()[0]?.counters.rejected).to.deep.equal({ 'bad-next-hop': 1 })
  })

  it('are told as our link-local address, after a global one that is configured', () => {
    bench.speaker.announce({ prefix: 'fd07::/48' })
    const peer = linkLocal({ nextHop: { ipv6: 'fd00::1' } })
    const hops = peer
      .heard()
      .flatMap((message) => (message.kind === 'update' && message.mpReach ? [message.mpReach] : []))
    expect(hops[0]).to.include({ nextHop: 'fd00::1', linkLocal: 'fe80::1' })
  })

  it('do not leave their link: others are told our own', () => {
    const internal = bench.peer({ address: '10.0.0.3', asn: ASN }).establish()
    linkLocal().send(reach('fe80::2'))
    const hops = internal
      .heard()
      .flatMap((message) => (message.kind === 'update' && message.mpReach ? [message.mpReach.nextHop] : []))
    expect(hops).to.deep.equal(['fd00::1'])
  })
})
