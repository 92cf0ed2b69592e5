import { expect } from 'chai'
import type { ExternalPeer } from '../settings.ts'
import { testNode, testSettings } from '../testing/fixtures.ts'
import { planExternalPeer } from './routers.ts'

const local = testNode(1)
const ROUTER: ExternalPeer = { address: '192.0.2.1', asn: 65000, acceptRoutes: false, maxPrefixes: 9 }
const INTERFACES = {
  interfaces: [{ index: 3, name: 'eth1', mtu: 1500, addresses: ['fe80::5', '192.0.2.11', '2001:db8::11'] }],
}
const plan = (router: Partial<ExternalPeer>, settings = testSettings) =>
  planExternalPeer(local, { ...ROUTER, ...router }, settings, undefined, INTERFACES)
const UNNUMBERED: ExternalPeer = { interface: 'eth1', asn: 'external', acceptRoutes: false, maxPrefixes: 9 }

describe('the session to a router', () => {
  it('is from the Node’s address, from one that is named, or from that of an interface', () => {
    expect(plan({})).to.deep.include({
      localAddress: '172.30.0.11',
      nextHop: { ipv4: '172.30.0.11', ipv6: 'fd30::11' },
    })
    expect(plan({ localAddress: '172.30.0.77' })).to.deep.include({
      localAddress: '172.30.0.77',
      nextHop: { ipv4: '172.30.0.77', ipv6: 'fd30::11' },
    })
    expect(plan({ localInterface: 'eth1' })?.localAddress).to.equal('192.0.2.11')
    expect(plan({ localInterface: 'eth1', address: '2001:db8::1' })?.localAddress).to.equal('2001:db8::11')
    expect(plan({ localInterface: 'eth9' })).to.equal(undefined)
  })

  it('carries the families that the Node has an address of, by that address, whatever the session is of (A12)', () => {
    const nodeOf = (...internalIPs: string[]) =>
      planExternalPeer(testNode(1, { internalIPs }), { ...ROUTER, address: '2001:db8::1' }, testSettings)
    expect(nodeOf('172.30.0.11', 'fd30::11')).to.deep.include({
      families: ['ipv4-unicast', 'ipv6-unicast'],
      nextHop: { ipv4: '172.30.0.11', ipv6: 'fd30::11' },
    })
    expect(nodeOf('fd30::11')).to.deep.include({ families: ['ipv6-unicast'], nextHop: { ipv6: 'fd30::11' } })
    expect(nodeOf('172.30.0.11')).to.equal(undefined)
  })

  it('of a link is from the link-local address there, which is the next hop of both families', () => {
    const found = planExternalPeer(local, UNNUMBERED, testSettings)!
    expect(found).to.include({ interface: 'eth1', asn: 'external', nextHopSelf: true })
    expect(found).not.to.have.any.keys('address', 'localAddress', 'nextHop')
    const linked = plan({ address: 'fe80::1%eth1' })
    expect(linked).to.include({ address: 'fe80::1%eth1', nextHopSelf: true })
    expect(linked).not.to.have.any.keys('interface', 'localAddress', 'nextHop')
  })

  it('names the next hop that is asked for', () => {
    const self = plan({ announce: { nextHop: 'self' }, localAddress: '172.30.0.77' })
    expect(self).to.deep.include({ nextHopSelf: true, nextHop: { ipv4: '172.30.0.77', ipv6: 'fd30::11' } })
    const unchanged = { nextHopUnchanged: true, nextHop: { ipv4: '172.30.0.11', ipv6: 'fd30::11' } }
    expect(plan({ announce: { nextHop: 'unchanged' }, localAddress: '172.30.0.77' })).to.deep.include(
      unchanged,
    )
    const link = { ...UNNUMBERED, announce: { nextHop: 'unchanged' } } as const
    expect(planExternalPeer(local, link, testSettings)).to.deep.include(unchanged)
  })

  it('has what is configured, and nothing of what is not', () => {
    const given = plan({
      ...{ localAsn: 64601, localAsnPrepends: true, allowOwnAs: 2, ttl: 5, passive: true },
      ...{ keepalive: 7, connectRetry: 60, addPath: { send: true, receive: false } },
      ...{ maxPrefixes: { 4: 100 }, maxPrefixesAction: 'block' as const },
    })
    expect(given).to.deep.include({
      ...{ localAsn: 64601, localAsnPrepends: true, allowOwnAs: 2, ttl: 5, passive: true },
      ...{ keepaliveTime: 7, connectRetryTime: 60, addPathSend: true },
      ...{ maxPrefixes: { 'ipv4-unicast': 100 }, maxPrefixesAction: 'block' },
    })
    expect(given).not.to.have.any.keys('addPathReceive', 'port', 'password')
    expect(Object.keys(plan({})!).sort()).to.deep.equal(
      [
        ...['address', 'asn', 'exportPolicy', 'families', 'gracefulRestart', 'holdTime', 'importPolicy'],
        ...['localAddress', 'maxPrefixes', 'nextHop'],
      ].sort(),
    )
  })

  it('has graceful restart as all, as its own, or not at all', () => {
    const settings = { ...testSettings, longLivedTime: 3600 }
    expect(plan({}, settings)?.gracefulRestart?.time).to.equal(90)
    const own = plan({ restart: { time: 30, longLivedTime: 0 } }, settings)
    expect(own?.gracefulRestart).to.deep.equal({ time: 30, forwarding: true })
    expect(own).not.to.have.property('longLivedRestart')
    expect(plan({ restart: { time: 0, longLivedTime: 0 } }, settings)).not.to.have.any.keys(
      'gracefulRestart',
      'longLivedRestart',
    )
    const { restartTime: _, ...off } = settings
    expect(plan({ restart: { time: 30, longLivedTime: 60 } }, off)).to.deep.include({
      gracefulRestart: { time: 30, forwarding: true },
      longLivedRestart: { time: 60 },
    })
  })

  it('is changed by no description', () => {
    expect(plan({ description: 'top of the rack' })).to.deep.equal(plan({}))
  })

  it('prepends the AS number that the router knows', () => {
    const prepended = (router: Partial<ExternalPeer>) =>
      plan({ ...router, announce: { prepend: 2 } })?.exportPolicy?.rules.at(-1)?.set?.prepend
    expect(prepended({})).to.deep.equal({ asn: 64512, times: 2 })
    expect(prepended({ localAsn: 64601 })).to.deep.equal({ asn: 64601, times: 2 })
  })

  it('may be to another daemon of the node itself (A17, projectcalico/calico#6863)', () => {
    expect(plan({ address: '172.30.0.11', port: 1179 })).to.include({ address: '172.30.0.11', port: 1179 })
  })
})
