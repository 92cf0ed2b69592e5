// Next hops that each kind of peer is sent, IPv4 prefixes with IPv6 next hops (RFC 8950), rejected next hops, and table sizes.
import { expect } from 'chai'
import type { PeerConfig } from '../../config.ts'
import type { BgpConfigError } from '../../errors.ts'
import type { Capability } from '../../packet/capabilities.ts'
import type { Message } from '../../packet/message.ts'
import { ASN, Bench } from '../../testing/bench.ts'
import type { RawPeer } from '../../testing/raw-peer.ts'

const WIDE: Capability = { kind: 'extended-next-hop', families: [{ afi: 1, safi: 1, nextHopAfi: 2 }] }

const reachIpv6 = (nextHop: string, prefix: string): Message => ({
  kind: 'update',
  withdrawn: [],
  attributes: { origin: 'igp', asPath: [{ kind: 'sequence', asns: [64513] }] },
  nlri: [],
  mpReach: { afi: 2, safi: 1, nextHop, nlri: [{ prefix }] },
})

describe('next hops', () => {
  let bench: Bench
  beforeEach(async () => {
    bench = await Bench.started()
  })
  afterEach(() => bench.close())

  /** Next hops that a peer was sent, by prefix. */
  const told = (peer: RawPeer) =>
    Object.fromEntries(
      peer
        .heard()
        .filter((message): message is Extract<Message, { kind: 'update' }> => message.kind === 'update')
        .flatMap(({ attributes, nlri, mpReach }) => [
          ...nlri.map(({ prefix }) => [prefix, attributes.nextHop]),
          ...(mpReach?.nlri ?? []).map(({ prefix }) => [prefix, mpReach!.nextHop]),
        ]),
    )
  const reach = (nextHop: string, prefix: string): Message => ({
    kind: 'update',
    withdrawn: [],
    attributes: { origin: 'igp', asPath: [{ kind: 'sequence', asns: [64513] }] },
    nlri: [],
    mpReach: { afi: 1, safi: 1, nextHop, nlri: [{ prefix }] },
  })

  for (const [title, asn, config, expected] of [
    ['an external peer sees ours', 64514, {}, '10.0.0.1'],
    [
      'an external peer sees the one of the path, where it is to stay',
      64514,
      { nextHopUnchanged: true },
      '10.0.0.2',
    ],
    ['an internal peer sees the one of the path', ASN, {}, '10.0.0.2'],
    ['an internal peer sees ours with next-hop self', ASN, { nextHopSelf: true }, '10.0.0.1'],
  ] as const satisfies readonly (readonly [string, number, Partial<PeerConfig>, string])[]) {
    it(title, () => {
      const listener = bench.peer({ address: '10.0.0.9', asn }, config).establish()
      bench.peer().establish().announce('10.1.0.0/16')
      expect(told(listener)).to.deep.equal({ '10.1.0.0/16': expected })
    })
  }

  it('of IPv6 for IPv4 prefixes are taken and passed on to those that know them (RFC 8950 4)', () => {
    const sender = bench.peer({ capabilities: [WIDE] }, { extendedNextHop: true }).establish()
    const knows = { address: '10.0.0.7', asn: ASN, capabilities: [WIDE] }
    const listener = bench.peer(knows, { extendedNextHop: true }).establish()
    const old = bench.peer({ address: '10.0.0.8', asn: ASN }).establish()
    sender.send(reach('fd00::2', '10.1.0.0/16'))
    expect(bench.prefixes() && bench.best.get('10.1.0.0/16')).to.equal('fd00::2')
    expect(told(listener)).to.deep.equal({ '10.1.0.0/16': 'fd00::2' })
    expect(told(old)).to.deep.equal({})
    expect(bench.speaker.peers()[2]?.counters.rejected).to.deep.equal({ 'next-hop-family': 1 })
  })

  it('of IPv6 for IPv4 prefixes are our own where there is no IPv4 address', () => {
    const nextHop = { ipv6: 'fd00::1' }
    bench.speaker.announce({ prefix: '10.9.0.0/16', nextHop: 'fd00::77' })
    const peer = bench
      .peer({ capabilities: [WIDE], asn: ASN }, { extendedNextHop: true, nextHop })
      .establish()
    expect(told(peer)).to.deep.equal({ '10.9.0.0/16': 'fd00::77' })
  })

  it('that are our own address, or none that a host can have, are rejected', () => {
    const peer = bench.peer({ asn: ASN }).establish()
    for (const [i, nextHop] of ['10.0.0.1', '0.0.0.0', '224.0.0.5'].entries())
      peer.announceWith({ nextHop, asPath: [], localPref: 100 }, `10.${i}.0.0/16`)
    expect(bench.prefixes()).to.deep.equal([])
    expect(bench.speaker.peers()[0]?.counters.rejected).to.deep.equal({
      'own-next-hop': 1,
      'bad-next-hop': 2,
    })
  })
})

describe('next hops that no host has', () => {
  for (const nextHop of ['127.0.0.1', '0.1.2.3', '255.255.255.255', '240.0.0.1']) {
    it(`are rejected: ${nextHop}`, async () => {
      const bench = await Bench.started()
      bench.peer().establish().announceWith({ nextHop }, '10.1.0.0/16')
      expect(bench.prefixes()).to.deep.equal([])
      expect(bench.speaker.peers()[0]?.counters.rejected).to.deep.equal({ 'bad-next-hop': 1 })
      await bench.close()
    })
  }

  for (const nextHop of ['::1', '::', '::ffff:127.0.0.1', '::ffff:0.0.0.0', '::ffff:224.0.0.5', 'ff02::1']) {
    it(`are rejected: ${nextHop}`, async () => {
      const bench = await Bench.started()
      bench.peer().establish().send(reachIpv6(nextHop, 'fd01::/48'))
      expect(bench.prefixes()).to.deep.equal([])
      expect(bench.speaker.peers()[0]?.counters.rejected).to.deep.equal({ 'bad-next-hop': 1 })
      await bench.close()
    })
  }

  it('are not those that only look like them', async () => {
    const bench = await Bench.started()
    const peer = bench.peer().establish()
    for (const [i, nextHop] of ['1.0.0.1', '126.0.0.1', '128.0.0.1', '223.0.0.1'].entries())
      peer.announceWith({ nextHop }, `10.${i}.0.0/16`)
    for (const [i, nextHop] of ['::2', '::ffff:10.0.0.2', '::1:0:1', 'fd00::ffff:127.0.0.1'].entries())
      peer.send(reachIpv6(nextHop, `fd01:${i + 1}::/48`))
    expect(bench.prefixes()).to.have.length(8)
    await bench.close()
  })

  it('are refused in configurations, with their path', async () => {
    const bench = await Bench.started()
    const problem = (act: () => void) => {
      try {
        act()
      } catch (error) {
        return (error as BgpConfigError).message
      }
      return undefined
    }
    const peer = { address: '10.0.0.9', asn: 1, families: ['ipv4-unicast'] } as const
    const policy = {
      rules: [{ name: 'a', verdict: 'accept', set: { nextHop: { ipv4: '0.1.2.3' } } }],
      otherwise: 'accept',
    } as const
    expect(problem(() => bench.speaker.announce({ prefix: '10.1.0.0/16', nextHop: '224.0.0.1' }))).to.match(
      /^nextHop: not the address of a host/,
    )
    expect(problem(() => bench.speaker.addPeer({ ...peer, nextHop: { ipv4: '0.0.0.0' } }))).to.match(
      /^nextHop.ipv4: /,
    )
    expect(problem(() => bench.speaker.addPeer({ ...peer, nextHop: { ipv6: 'ff02::1' } }))).to.match(
      /^nextHop.ipv6: /,
    )
    expect(problem(() => bench.speaker.addPeer({ ...peer, importPolicy: policy }))).to.match(
      /^importPolicy.rules\[0\].set.nextHop.ipv4: /,
    )
    expect(problem(() => bench.speaker.announce({ prefix: '10.1.0.0/16', nextHop: '10.0.0.77' }))).to.equal(
      undefined,
    )
    await bench.close()
  })
})

describe('table sizes', () => {
  it('count prefixes, paths, attribute sets and update groups', async () => {
    const bench = await Bench.started()
    bench.peer().establish().announce('10.1.0.0/16', '10.2.0.0/16', 'fd01::/48')
    bench.peer({ address: '10.0.0.3', asn: 64514 }).establish().announce('10.1.0.0/16')
    bench.clock.settle()
    expect(bench.speaker.tables()).to.deep.equal({
      'ipv4-unicast': { prefixes: 2, paths: 3 },
      'ipv6-unicast': { prefixes: 1, paths: 1 },
      attributeSets: 3,
      updateGroups: 1,
    })
    await bench.close()
  })
})
