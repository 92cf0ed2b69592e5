import { cidr } from '@podroute/address/cidr.ts'
import { gatewaysOf } from '@podroute/kernel/routes/next-hops.ts'
import type { Path } from 'bgp-speaker-ts/snapshot.ts'
import { expect } from 'chai'
import { testPath } from '../testing/fixtures.ts'
import { planRoute, type Reach, type RouteGuard } from './route-guard.ts'

const guard: RouteGuard = {
  protected: [
    { prefix: cidr('172.30.0.0/24'), reason: 'connected' },
    { prefix: cidr('10.244.1.0/24'), reason: 'local-pods' },
    { prefix: cidr('10.96.0.0/16'), reason: 'service-cidr' },
  ],
  apiServers: ['203.0.113.1/32', '2001:db8::1/128'].map(cidr),
  ownAddresses: new Set(['172.30.0.11']),
  isNodeAddress: (address) => address === '192.168.7.12',
  isVip: (address) => address === '192.0.2.7',
  isExternal: (peer) => peer === '172.30.0.100',
  clusterConflict: ({ text }) => (text === '10.0.0.0/8' ? 'covers-pod-cidr' : undefined),
}

/** Everything is on the node's own networks. */
const REACH: Reach = { hopsTo: (gateway) => [{ gateway }], maxPaths: () => 3 }

const path = (prefix: string, nextHop = '172.30.0.12') => testPath(prefix, { nextHop })

const reason = (p: Path) => {
  const decision = planRoute([p], guard, REACH)
  return decision.kind === 'refuse' ? decision.reason : decision.kind
}

describe('routes', () => {
  it('installs a best path via its next hop under the own protocol number', () => {
    expect(planRoute([path('10.244.2.0/24')], guard, REACH)).to.deep.equal({
      kind: 'install',
      route: {
        family: 4,
        destination: '10.244.2.0/24',
        gateway: '172.30.0.12',
        table: 254,
        protocol: 179,
        scope: 0,
        type: 'unicast',
      },
    })
    expect(reason(path('fd10:244:0:2::/64', 'fd30::12'))).to.equal('install')
  })

  it('never replaces the default route, a connected route, the local pods, a service range or a VIP', () => {
    expect(reason(path('0.0.0.0/0'))).to.equal('default-route')
    expect(reason(path('::/0', 'fd30::12'))).to.equal('default-route')
    expect(reason(path('172.30.0.0/24'))).to.equal('connected')
    expect(reason(path('172.30.0.128/25')), 'a part of it would win over it').to.equal('connected')
    expect(reason(path('10.244.1.128/25'))).to.equal('local-pods')
    expect(reason(path('10.96.0.1/32'))).to.equal('service-cidr')
    expect(reason(path('192.0.2.7/32'))).to.equal('vip')
    expect(reason(path('192.168.7.12/32'))).to.equal('node-address')
  })

  it('takes a prefix that covers a protected one, which stays the more specific', () => {
    expect(reason(path('172.16.0.0/12'))).to.equal('install')
  })

  it('takes no prefix of another node that holds the API server, however large', () => {
    for (const prefix of ['203.0.113.0/24', '203.0.113.1/32', '192.0.0.0/3']) {
      expect(reason(path(prefix)), prefix).to.equal('covers-api-server')
    }
    expect(reason(path('2001:db8::/32', 'fd30::12'))).to.equal('covers-api-server')
    expect(reason(path('203.0.114.0/24'))).to.equal('install')
  })

  it('takes no prefix of a router outside that the cluster itself uses, but a default route that policy let in', () => {
    const from = (prefix: string) =>
      reason(testPath(prefix, { peer: '172.30.0.100', nextHop: '172.30.0.100' }))
    expect(from('10.0.0.0/8')).to.equal('covers-pod-cidr')
    expect(from('11.0.0.0/8')).to.equal('install')
    expect(from('0.0.0.0/0')).to.equal('install')
    expect(from('172.30.0.128/25')).to.equal('connected')
  })

  it('refuses itself as the next hop and a prefix that is none', () => {
    expect(reason(path('10.244.2.0/24', '172.30.0.11'))).to.equal('own-next-hop')
    expect(reason(path('nonsense'))).to.equal('bad-prefix')
  })

  it('has no route for what the node announces itself', () => {
    expect(
      planRoute([testPath('10.244.1.0/24', { peer: undefined, nextHop: undefined })], guard, REACH).kind,
    ).to.equal('none')
  })

  describe('by several paths of equal cost', () => {
    const ROUTERS = ['172.30.0.100', '172.30.0.101', '172.30.0.102', '172.30.0.103']
    const from = (peer: string, prefix = '198.51.100.0/24') => testPath(prefix, { peer, nextHop: peer })
    const gatewaysFor = (paths: readonly Path[], reach: Reach = REACH) => {
      const decision = planRoute(paths, guard, reach)
      return decision.kind === 'install' ? gatewaysOf(decision.route) : decision.kind
    }

    it('have a next hop for each, up to the most that are wanted, and one field where one is left', () => {
      expect(gatewaysFor(ROUTERS.slice(0, 2).map((router) => from(router)))).to.deep.equal(
        ROUTERS.slice(0, 2),
      )
      expect(gatewaysFor(ROUTERS.map((router) => from(router)))).to.deep.equal(ROUTERS.slice(0, 3))
      const one = planRoute(
        ROUTERS.map((router) => from(router)),
        guard,
        { ...REACH, maxPaths: () => 1 },
      )
      expect(one.kind === 'install' && [one.route.gateway, one.route.nextHops]).to.deep.equal([
        ROUTERS[0],
        undefined,
      ])
    })

    it('leave out those that are refused, of which one alone has a reason', () => {
      const own = testPath('198.51.100.0/24', { peer: '172.30.0.101', nextHop: '172.30.0.11' })
      expect(gatewaysFor([own, from(ROUTERS[0]!)])).to.deep.equal([ROUTERS[0]])
      expect(planRoute([own], guard, REACH)).to.deep.equal({ kind: 'refuse', reason: 'own-next-hop' })
    })

    it('lead to one of several Nodes that claim the same pods', () => {
      const node = { ...guard, isNodeAddress: (address: string) => address.startsWith('172.30.0.1') }
      const paths = ['172.30.0.12', '172.30.0.13'].map((peer) => from(peer, '10.244.2.0/24'))
      const decision = planRoute(paths, node, REACH)
      expect(decision.kind === 'install' && gatewaysOf(decision.route)).to.deep.equal(['172.30.0.12'])
    })

    it('go by the routers that lead to a next hop, each once, and wait while these are not known', () => {
      const behind = { ...REACH, hopsTo: () => [{ gateway: '172.30.0.1' }] }
      expect(gatewaysFor([from(ROUTERS[0]!), from(ROUTERS[1]!)], behind)).to.deep.equal(['172.30.0.1'])
      expect(gatewaysFor([from(ROUTERS[0]!)], { ...REACH, hopsTo: () => undefined })).to.equal('wait')
    })
  })
})
