import { cidr } from '@podroute/address/cidr.ts'
import type { Announcement } from 'bgp-speaker-ts/config.ts'
import { Bench } from 'bgp-speaker-ts/testing/bench.ts'
import type { RawPeer } from 'bgp-speaker-ts/testing/raw-peer.ts'
import { expect } from 'chai'
import { EXPORT_ALL_KINDS, EXPORT_OWN } from '../bgp/policy.ts'
import { Aggregates } from './aggregates.ts'
import { externalExport, neverAggregated } from './export-policy.ts'
import type { RouterExport } from './router-settings.ts'

const NEXT_HOP = '10.0.0.1'
const AGGREGATE = '198.51.100.0/24'
const route = (prefix: string, ...tags: readonly string[]): Announcement => ({
  ...{ prefix, tags, origin: 'igp', ...(prefix.includes(':') ? {} : { nextHop: NEXT_HOP }) },
})

describe('what routers are told', () => {
  let bench: Bench
  let aggregates: Aggregates
  beforeEach(async () => {
    bench = await Bench.started()
    aggregates = new Aggregates({
      set: (_prefix, announcement) => bench.speaker.announce(announcement),
      delete: (prefix) => bench.speaker.withdraw(prefix),
    })
  })
  afterEach(() => bench.close())

  const announce = (...routes: readonly Announcement[]) => {
    for (const each of routes) aggregates.set(each.prefix, each)
  }
  let next = 10
  const router = (policy: Parameters<typeof externalExport>[0] | typeof EXPORT_OWN, asn = 64513): RawPeer => {
    const exportPolicy = 'rules' in policy ? policy : externalExport(policy, 64512)
    return bench.peer({ address: `10.0.0.${next++}`, asn }, { exportPolicy }).establish()
  }
  const told = (peer: RawPeer) =>
    peer
      .names()
      .filter((name) => name.startsWith('update'))
      .flatMap((name) => name.split(' ').slice(1))
      .sort()
  const attributes = (peer: RawPeer) =>
    peer.heard().flatMap((m) => (m.kind === 'update' && m.nlri.length > 0 ? [m.attributes] : []))[0]

  it('is everything, or the kinds that are named', () => {
    announce(route('10.244.1.0/24', 'pod-cidr'), route('198.51.100.10/32', 'external-ip', 'load-balancer-ip'))
    announce(route('fd10::/64', 'pod-cidr'))
    expect(told(router(EXPORT_ALL_KINDS))).to.deep.equal([
      '+10.244.1.0/24',
      '+198.51.100.10/32',
      '+fd10::/64',
    ])
    expect(told(router({}))).to.deep.equal(['+10.244.1.0/24', '+198.51.100.10/32', '+fd10::/64'])
    expect(told(router({ kinds: ['load-balancer-ip'] }))).to.deep.equal(['+198.51.100.10/32'])
    expect(told(router({ kinds: [] }))).to.deep.equal([])
  })

  it('goes with communities of all kinds, MED, a longer AS path', () => {
    announce(route('10.244.1.0/24', 'pod-cidr'))
    const communities = ['64512:7', 'no-export', '64512:1:2', 'rt:64512:100']
    expect(attributes(router({ communities, med: 5, prepend: 2 }))).to.deep.include({
      communities: [0xfc000007, 0xffffff01],
      largeCommunities: [[64512, 1, 2]],
      extendedCommunities: ['0002fc0000000064'],
      med: 5,
      asPath: [{ kind: 'sequence', asns: [64512, 64512, 64512] }],
    })
    expect(attributes(router({ localPreference: 300 }, 64512))?.localPref).to.equal(300)
  })

  it('is an aggregate in place of what lies inside, while anything does', () => {
    const wanting: RouterExport = { aggregates: [cidr(AGGREGATE)] }
    aggregates.configure([cidr(AGGREGATE)])
    const [peer, other, node] = [router(wanting), router({}), router(EXPORT_OWN, 64512)]
    announce(route('198.51.100.10/32', 'external-ip'), route('10.244.1.0/24', 'pod-cidr'))
    expect(told(peer)).to.deep.equal(['+10.244.1.0/24', `+${AGGREGATE}`])
    expect(told(other)).to.deep.equal(['+10.244.1.0/24', '+198.51.100.10/32'])
    expect(told(node)).to.deep.equal(['+10.244.1.0/24'])
    announce(route('198.51.100.11/32', 'external-ip'))
    expect(told(peer)).to.deep.equal([])
    aggregates.delete('198.51.100.10/32')
    expect(told(peer)).to.deep.equal([])
    aggregates.delete('198.51.100.11/32')
    expect(told(peer)).to.deep.equal([`-${AGGREGATE}`])
    expect(bench.speaker.announced().map(({ prefix }) => prefix)).to.deep.equal(['10.244.1.0/24'])
  })

  it('never hides behind an aggregate what not every node serves (projectcalico/calico#11639)', () => {
    aggregates.configure([cidr(AGGREGATE)])
    const local = route('198.51.100.20/32', 'external-ip', neverAggregated('external-ip'))
    announce(route('198.51.100.10/32', 'external-ip'), local)
    const wanting: RouterExport = { aggregates: [cidr(AGGREGATE)] }
    expect(told(router(wanting))).to.deep.equal([`+${AGGREGATE}`, '+198.51.100.20/32'])
    expect(told(router({ ...wanting, kinds: ['pod-cidr'] }))).to.deep.equal([])
  })

  it('is no aggregate for a router that is told nothing of what lies inside', () => {
    aggregates.configure([cidr(AGGREGATE)])
    announce(route('198.51.100.10/32', 'external-ip'))
    expect(told(router({ aggregates: [cidr(AGGREGATE)], kinds: ['pod-cidr'] }))).to.deep.equal([])
  })

  it('changes with the aggregates that are configured, and leaves an equal prefix of our own alone', () => {
    announce(route('198.51.100.10/32', 'external-ip'), route('10.244.1.0/24', 'pod-cidr'))
    announce(route('10.244.1.0/25', 'pod-cidr'))
    const announced = () => bench.speaker.announced().map(({ prefix, tags }) => `${prefix} ${tags}`)
    const before = announced()
    aggregates.configure([cidr(AGGREGATE), cidr('10.244.1.0/24'), cidr('203.0.113.0/24')])
    expect(announced()).to.deep.equal([...before, `${AGGREGATE} aggregate/external-ip`])
    // It takes the place of our own prefix once that is gone, and gives it back.
    aggregates.delete('10.244.1.0/24')
    expect(announced()).to.include('10.244.1.0/24 aggregate/pod-cidr')
    announce(route('10.244.1.0/24', 'pod-cidr'))
    expect(announced()).to.include('10.244.1.0/24 pod-cidr')
    aggregates.configure([])
    expect(announced().sort()).to.deep.equal([...before].sort())
  })
})
