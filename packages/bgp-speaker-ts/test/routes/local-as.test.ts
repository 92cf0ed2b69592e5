// Another AS number of ours towards a peer (RFC 7705), and our own AS number in its paths.
import { expect } from 'chai'
import type { PeerConfig } from '../../config.ts'
import { ASN, Bench } from '../../testing/bench.ts'
import type { RawPeer } from '../../testing/raw-peer.ts'

const LOCAL = 64600

describe('a local AS (RFC 7705)', () => {
  let bench: Bench
  let rejected: string[]

  beforeEach(async () => {
    bench = await Bench.started()
    rejected = []
    bench.speaker.on('reject', ({ prefix, reason }) => void rejected.push(`${prefix} ${reason}`))
    bench.speaker.announce({ prefix: '10.9.0.0/16', localPref: 300 })
  })
  afterEach(() => bench.close())

  const told = (peer: RawPeer) =>
    peer
      .heard()
      .flatMap((message) =>
        message.kind === 'update' && message.nlri.length > 0 ? [message.attributes] : [],
      )
  const peerWith = (config: Partial<PeerConfig>, asn = 64513) => bench.peer({ asn }, config).establish()
  const from = (peer: RawPeer, prefix: string, ...asns: readonly number[]) =>
    peer.announceWith({ asPath: [{ kind: 'sequence', asns }] }, prefix)

  it('stands in the OPEN', () => {
    const [open] = peerWith({ localAsn: LOCAL }).heard()
    expect(open).to.include({ kind: 'open', asn: LOCAL })
    expect(open?.kind === 'open' && open.capabilities).to.deep.include({ kind: 'four-octet-as', asn: LOCAL })
  })

  it('is all that the peer sees of us, or stands before our own', () => {
    const peer = peerWith({ localAsn: LOCAL })
    expect(told(peer)[0]?.asPath).to.deep.equal([{ kind: 'sequence', asns: [LOCAL] }])
    const config = bench.speaker.configuration('10.0.0.2')!
    bench.speaker.updatePeer({ ...config, localAsnPrepends: true })
    expect(told(peer)[0]?.asPath).to.deep.equal([{ kind: 'sequence', asns: [LOCAL, ASN] }])
    expect(bench.downs()).to.deep.equal([])
  })

  it('prepends both to a path that was learned', () => {
    const peer = peerWith({ localAsn: LOCAL, localAsnPrepends: true })
    peer.heard()
    from(bench.peer({ address: '10.0.0.3', asn: 64514 }).establish(), '10.1.0.0/16', 64514, 7)
    expect(told(peer)[0]?.asPath).to.deep.equal([{ kind: 'sequence', asns: [LOCAL, ASN, 64514, 7] }])
  })

  it('that is the peer’s makes it an internal one', () => {
    const peer = peerWith({ localAsn: LOCAL, asn: 'internal' }, LOCAL)
    expect(told(peer)[0]).to.deep.include({ asPath: [], localPref: 300 })
  })

  it('is ours in a received path, as the speaker’s own is: both are loops', () => {
    const peer = peerWith({ localAsn: LOCAL })
    from(peer, '10.1.0.0/16', 64513, LOCAL)
    from(peer, '10.2.0.0/16', 64513, ASN)
    from(peer, '10.3.0.0/16', 64513, 65002)
    expect(bench.prefixes()).to.deep.equal(['10.3.0.0/16', '10.9.0.0/16'])
    expect(rejected).to.deep.equal(['10.1.0.0/16 as-loop', '10.2.0.0/16 as-loop'])
    expect([...bench.speaker.rejected()].map(({ prefix, reason }) => `${prefix} ${reason}`)).to.have.members(
      rejected,
    )
  })

  it('may occur in a received path as often as that is allowed', () => {
    const peer = peerWith({ localAsn: LOCAL, allowOwnAs: 1 })
    from(peer, '10.1.0.0/16', 64513, 65002, LOCAL)
    from(peer, '10.2.0.0/16', 64513, LOCAL, LOCAL)
    expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16', '10.9.0.0/16'])
  })
})
