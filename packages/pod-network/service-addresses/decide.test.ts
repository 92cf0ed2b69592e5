import { cidr } from '@podroute/address/cidr.ts'
import { parseSelector } from '@podroute/cluster/objects/label-selector.ts'
import type { Answer } from '@podroute/feature/served-addresses.ts'
import { expect } from 'chai'
import { allServed, testService } from '../testing/fake-services.ts'
import { annotationProblems, type DecisionFacts, decideService } from './decide.ts'
import { NO_SERVICE_ADDRESSES, type ServiceAddressSettings } from './settings.ts'
import { letsOut, onlyTold } from './told.ts'

const VIP = '198.51.100.10'
const ALL = ['cluster-ip', 'external-ip', 'load-balancer-ip'] as const
const NEXT_HOPS = { 4: '192.0.2.11', 6: '2001:db8::11' } as const

function facts(settings: Partial<ServiceAddressSettings>, more: Partial<DecisionFacts> = {}): DecisionFacts {
  return {
    settings: { ...NO_SERVICE_ADDRESSES, kinds: ALL, ...settings },
    node: { kind: 'in' },
    nextHop: (family) => NEXT_HOPS[family],
    routers: ['192.0.2.1', '192.0.2.2'],
    unserved: 'not served',
    complete: true,
    current: () => undefined,
    ...more,
  }
}

const web = (externalTrafficPolicy = 'Cluster', metadata = {}) =>
  testService('web', { clusterIP: '10.96.0.9', externalTrafficPolicy, externalIPs: [VIP] }, metadata, [
    '203.0.113.7',
  ])

/** `198.51.100.10/32`, lowered in parentheses, or `198.51.100.10: why not`. */
function decided(service = web(), answer: Answer = 'serving', given = facts({})): string[] {
  return decideService(service, allServed(service, answer), given).map(
    ({ address, prefix, wanted, reason }) => {
      if (!wanted) return `${address}: ${reason}`
      return wanted.rank === 'plain' ? prefix : `(${prefix}) ${reason}`
    },
  )
}

const selector = (app: string) => parseSelector({ matchLabels: { app } }, () => {})

describe('which addresses of a Service are announced', () => {
  it('none by default, and each kind by itself', () => {
    expect(decided(web(), 'serving', facts({ kinds: [] }))).to.deep.equal([])
    for (const [i, prefix] of ['10.96.0.9/32', `${VIP}/32`, '203.0.113.7/32'].entries())
      expect(decided(web(), 'serving', facts({ kinds: [ALL[i]!] }))).to.deep.equal([prefix])
  })

  it('those of Services that the selector takes', () => {
    const given = facts({ kinds: ['external-ip'], selector: selector('web') })
    expect(decided(web('Cluster', { labels: { app: 'web' } }), 'serving', given)).to.deep.equal([`${VIP}/32`])
    expect(decided(web(), 'serving', given)).to.deep.equal([])
  })

  it("what its annotations say, kube-router's names too, whatever else is set", () => {
    const annotations = {
      'kube-router.io/service.advertise.clusterip': 'true',
      'podroute.io/service.advertise.externalip': 'true',
      'kube-router.io/service.advertise.externalip': 'false',
      'podroute.io/service.advertise.loadbalancerip': 'false',
    }
    const given = facts({ kinds: ['load-balancer-ip'], selector: selector('nobody') })
    expect(decided(web('Cluster', { annotations }), 'serving', given)).to.deep.equal([
      ...['10.96.0.9/32', `${VIP}/32`],
    ])
    const off = facts({ kinds: [], annotations: false })
    expect(decided(web('Cluster', { annotations }), 'serving', off)).to.deep.equal([])
    const odd = web('Cluster', { annotations: { 'podroute.io/service.advertise.clusterip': 'yes' } })
    expect(annotationProblems(odd)).to.deep.equal([
      'metadata.annotations[podroute.io/service.advertise.clusterip]: neither true nor false: yes',
    ])
    expect(decided(odd, 'serving', facts({ kinds: [] }))).to.deep.equal([])
  })

  it('none that no endpoint serves, with either policy (A2), unless those with policy Cluster are to stay', () => {
    const given = facts({ kinds: ['external-ip'] })
    expect(decided(web('Cluster'), 'none', given)).to.deep.equal([`${VIP}: no ready endpoint`])
    expect(decided(web('Local'), 'none', given)).to.deep.equal([`${VIP}: no ready endpoint on this node`])
    const stay = facts({ kinds: ['external-ip'], withoutEndpoints: true })
    expect(decided(web('Cluster'), 'none', stay)).to.deep.equal([`${VIP}/32`])
    expect(decided(web('Local'), 'none', stay)).to.deep.equal([`${VIP}: no ready endpoint on this node`])
  })

  it('those whose endpoints only terminate as the last resort (A4)', () => {
    const [one] = decideService(
      web('Local'),
      allServed(web('Local'), 'leaving'),
      facts({ kinds: ['external-ip'] }),
    )
    expect(one!.wanted!.announcement).to.deep.include({ communities: ['graceful-shutdown'], localPref: 0 })
    expect(one!.reason).to.equal('only endpoints that terminate')
  })

  it('as the last resort from a node that is to be left, and not at all when it has gone (A1)', () => {
    const node = { kind: 'leaving', reason: 'the Node has the taint x', since: 0 } as const
    const given = facts({ kinds: ['external-ip'] }, { node })
    expect(decided(web(), 'serving', given)).to.deep.equal([`(${VIP}/32) the Node has the taint x`])
    const out = facts({ kinds: ['external-ip'] }, { node: { kind: 'out', reason: 'gone' } })
    expect(decided(web(), 'serving', out)).to.deep.equal([`${VIP}: gone`])
  })

  it('none that the kernel does not have yet, but what was announced before stays meanwhile (A7)', () => {
    const given = facts({ kinds: ['external-ip'] })
    expect(decided(web(), 'pending', given)).to.deep.equal([`${VIP}: not in the kernel yet`])
    const [before] = decideService(web(), allServed(web(), 'serving'), given)
    const current = () => before!.wanted
    expect(decided(web(), 'pending', facts({ kinds: ['external-ip'] }, { current }))).to.deep.equal([
      `${VIP}/32`,
    ])
  })

  it('what was announced before, while whoever serves Services now does not know all of them yet', () => {
    const given = facts({ kinds: ['external-ip'] })
    const [before] = decideService(web(), allServed(web(), 'serving'), given)
    const current = () => before!.wanted
    const early = facts({ kinds: ['external-ip'] }, { current, complete: false })
    const prefixes = (served: ReturnType<typeof allServed>, now = early) =>
      decideService(web(), served, now).map(({ wanted, prefix }) => wanted && prefix)
    expect(prefixes([])).to.deep.equal([`${VIP}/32`])
    expect(prefixes(allServed(web(), 'none'))).to.deep.equal([`${VIP}/32`])
    expect(prefixes([], { ...early, complete: true })).to.deep.equal([undefined])
    expect(prefixes([], { ...early, current: () => undefined })).to.deep.equal([undefined])
  })

  it('none that the proxy refuses, none outside the ranges, and none without a next hop of the family', () => {
    const given = facts({ kinds: ['external-ip', 'load-balancer-ip'], ranges: [cidr('203.0.113.0/24')] })
    const served = allServed(web(), 'serving').filter(({ kind }) => kind !== 'load-balancer-ip')
    const reasons = decideService(web(), served, given).map(({ reason }) => reason)
    expect(reasons).to.deep.equal(['not in serviceAddresses.ranges', 'not served'])
    const six = testService('six', { clusterIP: 'fd10:96::1' })
    const nextHop = (family: 4 | 6) => (family === 4 ? NEXT_HOPS[4] : undefined)
    expect(decided(six, 'serving', facts({}, { nextHop }))).to.deep.equal([
      'fd10:96::1: this node has no IPv6 address',
    ])
  })

  it('an aggregate in place of those inside, and those with policy Local by themselves (A6)', () => {
    const aggregates = [cidr('198.51.100.0/24'), cidr('2001:db8:8::/64')]
    const given = facts({ kinds: ['external-ip'], aggregates })
    expect(decided(web('Cluster'), 'serving', given)).to.deep.equal(['198.51.100.0/24'])
    expect(decided(web('Local'), 'serving', given)).to.deep.equal([`${VIP}/32`])
    const six = testService('six', { clusterIP: 'fd10:96::1', externalIPs: ['2001:DB8:8:0::0010'] })
    expect(decided(six, 'serving', given)).to.deep.equal(['2001:db8:8::/64'])
  })

  it('with the communities and the local preference of the first rule that takes it, to its routers', () => {
    const rules = [
      {
        selector: selector('web'),
        kinds: ['external-ip'] as const,
        peers: ['192.0.2.2'],
        communities: ['64512:7'],
        largeCommunities: ['64512:0:7'],
        localPref: 200,
      },
      { selector: [], kinds: [], communities: ['64512:1'], largeCommunities: [] },
    ]
    const service = web('Cluster', { labels: { app: 'web' } })
    const found = decideService(service, allServed(service, 'serving'), facts({ rules }))
    const [clusterIp, external] = found.map(({ wanted }) => wanted!.announcement)
    expect(clusterIp).to.deep.include({ communities: ['64512:1'], tags: ['cluster-ip'] })
    expect(external).to.deep.include({
      ...{ communities: ['64512:7'], largeCommunities: ['64512:0:7'], localPref: 200 },
    })
    const told = ['192.0.2.1', '192.0.2.2'].map((router) =>
      letsOut({ rules: [onlyTold(router)], otherwise: 'accept' }, external!),
    )
    expect(told).to.deep.equal([false, true])
  })
})
