import { expect } from 'chai'
import { meshPeer, testNode, testSettings } from '../testing/fixtures.ts'
import { planPodPrefixes } from './announcements.ts'
import { planExternalPeer } from './routers.ts'

const [one, two] = [testNode(1), testNode(2)]

describe('peers', () => {
  it('peers with another node over IPv4, both families on one session', () => {
    const peer = meshPeer(one, two, testSettings)!
    expect(peer).to.deep.include({
      address: '172.30.0.12',
      asn: 64512,
      localAddress: '172.30.0.11',
      families: ['ipv4-unicast', 'ipv6-unicast'],
      nextHop: { ipv4: '172.30.0.11', ipv6: 'fd30::11' },
    })
  })

  it('takes other nodes from the link only, and routers from as far as is configured', () => {
    expect(meshPeer(one, two, testSettings)?.ttlSecurityHops).to.equal(1)
    expect(meshPeer(one, two, { ...testSettings, meshTtlSecurity: false })).not.to.have.property(
      'ttlSecurityHops',
    )
    const router = { address: '172.30.0.100', asn: 65000, acceptRoutes: false, maxPrefixes: 10 }
    expect(planExternalPeer(one, router, testSettings)).not.to.have.property('ttlSecurityHops')
    const secure = planExternalPeer(one, { ...router, ttlSecurityHops: 3 }, testSettings)
    expect(secure?.ttlSecurityHops).to.equal(3)
  })

  it('tells routers what is said for all of them, where their own entry says nothing else', () => {
    const router = { address: '172.30.0.100', asn: 65000, acceptRoutes: false, maxPrefixes: 10 }
    const settings = { ...testSettings, announce: { kinds: ['cluster-ip'], nextHop: 'self' } as const }
    const tags = (peer: ReturnType<typeof planExternalPeer>) => peer?.exportPolicy?.rules.at(-1)?.match?.tags
    const plain = planExternalPeer(one, router, settings)
    expect([tags(plain), plain?.nextHopSelf]).to.deep.equal([['cluster-ip'], true])
    const own = planExternalPeer(one, { ...router, announce: { kinds: ['pod-cidr'] } }, settings)
    expect([tags(own), own?.nextHopSelf]).to.deep.equal([['pod-cidr'], true])
  })

  it('does not peer with a Node that has one of its own addresses', () => {
    const twin = testNode(2, { internalIPs: ['172.30.0.12', 'fd30::11'] })
    expect(meshPeer(one, twin, testSettings)).to.equal(undefined)
  })

  it('peers with a Node that lists one of its addresses beside its own, and so does that Node (L)', () => {
    const three = testNode(3)
    const own = three.addresses.map(({ text }) => text)
    const claims = testNode(3, { internalIPs: [...own, '172.30.0.12', 'fd30::12'] })
    const { importPolicy: _, ...session } = meshPeer(two, three, testSettings)!
    expect(meshPeer(two, claims, testSettings)).to.deep.include(session)
    const { importPolicy: __, ...back } = meshPeer(three, two, testSettings)!
    expect(meshPeer(claims, two, testSettings)).to.deep.include(back)
  })

  it('peers over IPv6 with a node that has no IPv4 address', () => {
    const peer = meshPeer(one, testNode(2, { internalIPs: ['fd30::12'] }), testSettings)!
    expect(peer).to.deep.include({
      address: 'fd30::12',
      localAddress: 'fd30::11',
      families: ['ipv6-unicast'],
    })
  })

  it('plans no session to itself, to a node without a common family, or without the mesh', () => {
    expect(meshPeer(one, one, testSettings)).to.equal(undefined)
    const v6 = testNode(2, { internalIPs: ['fd30::12'] })
    expect(meshPeer(testNode(1, { internalIPs: ['172.30.0.11'] }), v6, testSettings)).to.equal(undefined)
    expect(meshPeer(one, two, { ...testSettings, mesh: false })).to.equal(undefined)
  })

  it('believes a node only about its own pod prefixes with its own addresses as next hop', () => {
    const { importPolicy } = meshPeer(one, two, testSettings)!
    const prefixes = [
      { prefix: '10.244.2.0/24', minLength: 24, maxLength: 32 },
      { prefix: 'fd10:244:0:2::/64', minLength: 64, maxLength: 128 },
    ]
    const nextHops = ['172.30.0.12', 'fd30::12']
    expect(importPolicy?.rules.map((r) => [r.name, r.match, r.verdict])).to.deep.equal([
      ['node', { prefixes, nextHops }, 'accept'],
      ['foreign-next-hop', { prefixes }, 'reject'],
      ['outside-pod-cidrs', {}, 'reject'],
    ])
  })

  it('believes a node without pod prefixes nothing', () => {
    const { importPolicy } = meshPeer(one, testNode(2, { podCIDRs: [] }), testSettings)!
    expect(importPolicy?.rules[0]?.match?.prefixes).to.deep.equal([])
    expect(importPolicy?.otherwise).to.equal('reject')
  })

  it('peers with a router outside, from the address of its family, with what is configured', () => {
    const router = {
      address: '172.30.0.100',
      asn: 65000,
      port: 1179,
      password: 's3',
      acceptRoutes: true,
      maxPrefixes: 9,
    }
    const peer = planExternalPeer(one, router, testSettings)!
    expect(peer).to.deep.include({
      address: '172.30.0.100',
      asn: 65000,
      port: 1179,
      password: 's3',
      localAddress: '172.30.0.11',
      families: ['ipv4-unicast', 'ipv6-unicast'],
    })
    expect(peer.maxPrefixes).to.equal(9)
    expect(peer.importPolicy?.otherwise).to.equal('accept')
  })

  it('asks every peer to keep the routes while the agent is away, unless that is off', () => {
    const router = { address: '172.30.0.100', asn: 65000, acceptRoutes: false, maxPrefixes: 9 }
    const planned = (settings: typeof testSettings) => [
      meshPeer(one, two, settings)?.gracefulRestart,
      planExternalPeer(one, router, settings)?.gracefulRestart,
    ]
    const kept = { time: 90, forwarding: true }
    expect(planned(testSettings)).to.deep.equal([kept, kept])
    const { restartTime: _, ...off } = testSettings
    expect(planned(off)).to.deep.equal([undefined, undefined])
  })

  it('asks those that have it to keep them longer where there is nothing better (RFC 9494)', () => {
    const router = { address: '172.30.0.100', asn: 65000, acceptRoutes: false, maxPrefixes: 9 }
    const planned = (settings: typeof testSettings) => [
      meshPeer(one, two, settings)?.longLivedRestart,
      planExternalPeer(one, router, settings)?.longLivedRestart,
    ]
    const kept = { time: 3600 }
    expect(planned({ ...testSettings, longLivedTime: 3600 })).to.deep.equal([kept, kept])
    expect(planned({ ...testSettings, longLivedTime: 0 })).to.deep.equal([undefined, undefined])
    const { restartTime: _, ...off } = testSettings
    expect(planned({ ...off, longLivedTime: 3600 })).to.deep.equal([undefined, undefined])
  })

  it('lowers what it tells routers where the node is to be left, and nodes nothing', () => {
    const router = { address: '172.30.0.100', asn: 65000, acceptRoutes: false, maxPrefixes: 9 }
    const drained = testNode(1, { ending: 'shutdown' })
    const names = (peer: ReturnType<typeof meshPeer>) => peer?.exportPolicy?.rules.map(({ name }) => name)
    expect(names(planExternalPeer(drained, router, testSettings))).to.deep.equal(['graceful-shutdown', 'own'])
    expect(names(planExternalPeer(one, router, testSettings))).to.deep.equal(['own'])
    expect(names(meshPeer(drained, two, testSettings))).to.deep.equal(['own'])
  })

  it('takes no route from a router whose routes are not accepted', () => {
    const router = { address: '172.30.0.100', asn: 65000, acceptRoutes: false, maxPrefixes: 9 }
    expect(planExternalPeer(one, router, testSettings)?.importPolicy?.otherwise).to.equal('reject')
  })

  it('leaves out a router of a family that the node lacks', () => {
    const v4 = testNode(1, { internalIPs: ['172.30.0.11'] })
    const router = { address: 'fd30::100', asn: 65000, acceptRoutes: true, maxPrefixes: 9 }
    expect(planExternalPeer(v4, router, testSettings)).to.equal(undefined)
  })

  it('announces its own pod prefixes with its own address of the family', () => {
    expect(Array.from(planPodPrefixes(one).values(), ({ announcement }) => announcement)).to.deep.equal([
      { prefix: '10.244.1.0/24', nextHop: '172.30.0.11', origin: 'igp', tags: ['pod-cidr'] },
      { prefix: 'fd10:244:0:1::/64', nextHop: 'fd30::11', origin: 'igp', tags: ['pod-cidr'] },
    ])
    expect([...planPodPrefixes(testNode(1, { internalIPs: ['172.30.0.11'] })).keys()]).to.deep.equal([
      '10.244.1.0/24',
    ])
  })
})
