// Communities of all kinds on the way from peer to peer (RFC 1997, RFC 4360, RFC 8092).
import { expect } from 'chai'
import { ASN, Bench } from '../../testing/bench.ts'
import type { RawPeer } from '../../testing/raw-peer.ts'

const NO_EXPORT = 0xffffff01
const NO_ADVERTISE = 0xffffff02
const NO_EXPORT_SUBCONFED = 0xffffff03

describe('communities', () => {
  let bench: Bench
  let from: RawPeer
  let external: RawPeer
  let internal: RawPeer

  beforeEach(async () => {
    bench = await Bench.started()
    from = bench.peer().establish()
    external = bench.peer({ address: '10.0.0.3', asn: 64514 }).establish()
    internal = bench.peer({ address: '10.0.0.4', asn: ASN }).establish()
    for (const peer of [external, internal]) peer.heard()
  })
  afterEach(() => bench.close())

  const told = (peer: RawPeer) =>
    peer
      .heard()
      .flatMap((message) =>
        message.kind === 'update' && message.nlri.length > 0 ? [message.attributes] : [],
      )

  it('of all kinds are passed on unchanged', () => {
    const all = {
      communities: [0xfc000007, 0x12345678],
      extendedCommunities: ['0002fc0000000064', '0102c0a8000100c8'],
      largeCommunities: [[64512, 1, 2] as const, [4_200_000_000, 0, 4_294_967_295] as const],
    }
    from.announceWith(all, '10.1.0.0/16')
    for (const peer of [external, internal]) {
      const [{ communities, extendedCommunities, largeCommunities } = {}] = told(peer)
      expect({ communities, extendedCommunities, largeCommunities }).to.deep.equal(all)
    }
  })

  it('NO_EXPORT and NO_EXPORT_SUBCONFED keep a route from external peers (RFC 1997)', () => {
    for (const [i, community] of [NO_EXPORT, NO_EXPORT_SUBCONFED].entries()) {
      from.announceWith({ communities: [community] }, `10.${i}.0.0/16`)
      expect(told(external)).to.deep.equal([])
      expect(told(internal)[0]?.communities).to.deep.equal([community])
    }
  })

  it('NO_ADVERTISE keeps a route from all (RFC 1997)', () => {
    from.announceWith({ communities: [NO_ADVERTISE] }, '10.1.0.0/16')
    from.announce('10.2.0.0/16')
    for (const peer of [external, internal])
      expect(told(peer).map(({ communities }) => communities)).to.deep.equal([undefined])
  })

  it('of that kind on a route of our own are told, and meant for who is told (RFC 1997: routes received)', () => {
    bench.speaker.announce({ prefix: '10.9.0.0/16', communities: ['no-export'] })
    expect(told(external)[0]?.communities).to.deep.equal([NO_EXPORT])
    expect(told(internal)[0]?.communities).to.deep.equal([NO_EXPORT])
  })

  it('are told without the tags of a route of our own, and a route of another tag is not told', () => {
    const tagged = { name: 'pods', match: { tags: ['pods'] }, verdict: 'accept' as const }
    const policy = { rules: [tagged], otherwise: 'reject' as const }
    const choosy = bench.peer({ address: '10.0.0.5', asn: 64515 }, { exportPolicy: policy }).establish()
    bench.speaker.announce({ prefix: '10.8.0.0/16', tags: ['services'] })
    bench.speaker.announce({ prefix: '10.9.0.0/16', tags: ['pods', 'nodes'], communities: ['1:2'] })
    const updates = choosy.heard().flatMap((message) => (message.kind === 'update' ? [message] : []))
    // Nothing is withdrawn that was never told.
    expect(updates.flatMap(({ withdrawn }) => withdrawn)).to.deep.equal([])
    const heard = updates.filter(({ nlri }) => nlri.length > 0)
    expect(heard.flatMap(({ nlri }) => nlri.map(({ prefix }) => prefix))).to.deep.equal(['10.9.0.0/16'])
    expect(heard[0]?.attributes).to.have.all.keys('origin', 'asPath', 'nextHop', 'communities')
  })

  it('that are extended and not transitive do not leave the AS (RFC 4360 6)', () => {
    const stays = '4004fc0000000064'
    internal.announceWith(
      { asPath: [], localPref: 100, extendedCommunities: [stays, '0002fc0000000064'] },
      '10.1.0.0/16',
    )
    internal.announceWith({ asPath: [], localPref: 100, extendedCommunities: [stays] }, '10.2.0.0/16')
    expect(told(external).map(({ extendedCommunities }) => extendedCommunities)).to.deep.equal([
      ['0002fc0000000064'],
      undefined,
    ])
  })
})
