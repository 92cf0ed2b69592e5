// Long-lived graceful restart (RFC 9494): routes of a peer that stays away are kept and lose to all others.
import { expect } from 'chai'
import type { PeerConfig } from '../../config.ts'
import type { BgpConfigError } from '../../errors.ts'
import type { Capability } from '../../packet/capabilities.ts'
import { ASN, Bench } from '../../testing/bench.ts'
import type { RawPeer } from '../../testing/raw-peer.ts'

const PREFIXES = ['10.1.0.0/16', '10.2.0.0/16', 'fd10::/48']
const STALE = '65535:6'
const NO_LLGR = 0xffff0007
const OURS = {
  gracefulRestart: { time: 120, forwarding: true },
  longLivedRestart: { time: 3600 },
} satisfies Partial<PeerConfig>

interface Offer {
  /** Seconds of the restart time, 60 when absent; undefined: without that capability. */
  readonly restart?: number | undefined
  /** AFIs that graceful restart names; both when absent. */
  readonly restarts?: readonly number[]
  /** Seconds by AFI. */
  readonly times?: Readonly<Record<number, number>>
  readonly forwarding?: boolean
  readonly notification?: boolean
}

function capabilities(offer: Offer = {}): Capability[] {
  const { times = { 1: 600, 2: 300 }, forwarding = true, notification = false, restarts = [1, 2] } = offer
  const restart = 'restart' in offer ? offer.restart : 60
  const family = (afi: number) => ({ afi, safi: 1, forwarding })
  const longLived = Object.entries(times).map(([afi, time]) => ({ ...family(Number(afi)), time }))
  return [
    ...(restart === undefined
      ? []
      : [
          {
            kind: 'graceful-restart' as const,
            restarting: false,
            notification,
            time: restart,
            families: restarts.map(family),
          },
        ]),
    { kind: 'long-lived-graceful-restart', families: longLived },
  ]
}

describe('long-lived graceful restart (RFC 9494)', () => {
  let bench: Bench
  let peer: RawPeer

  const begin = async (theirs: Offer = {}, ours: Partial<PeerConfig> = OURS) => {
    bench = await Bench.started()
    peer = bench.peer({ capabilities: capabilities(theirs) }, ours)
    peer.establish().announce(...PREFIXES)
    peer.endOfRib('ipv4-unicast', 'ipv6-unicast')
    expect(bench.prefixes()).to.deep.equal(PREFIXES)
  }
  const back = (offer: Offer = {}) => peer.establish(capabilities(offer))
  const communities = (prefix = '10.1.0.0/16') => bench.speaker.paths(prefix)[0]?.communities
  const snapshot = () => bench.speaker.peers()[0]!
  const seconds = (count: number) => bench.clock.advance(count * 1000)

  afterEach(() => bench.close())

  it('offers the capability beside graceful restart, with the time of each family (3.1)', async () => {
    await begin({}, { ...OURS, longLivedRestart: { time: { 'ipv4-unicast': 0x123456 } } })
    const [open] = peer.heard()
    const offered =
      open?.kind === 'open'
        ? open.capabilities.find(({ kind }) => kind === 'long-lived-graceful-restart')
        : undefined
    expect(offered).to.deep.equal({
      kind: 'long-lived-graceful-restart',
      families: [
        { afi: 1, safi: 1, forwarding: true, time: 0x123456 },
        { afi: 2, safi: 1, forwarding: true, time: 0 },
      ],
    })
  })

  it('marks routes as LLGR_STALE when the restart time is over, and drops each family when its time is (4.2)', async () => {
    await begin()
    peer.crash()
    seconds(58)
    expect(communities()).to.deep.equal([])
    seconds(3)
    expect(bench.prefixes()).to.deep.equal(PREFIXES)
    expect(communities()).to.deep.equal([STALE])
    expect(snapshot().longLivedStale).to.deep.equal(['ipv4-unicast', 'ipv6-unicast'])
    seconds(300)
    expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16', '10.2.0.0/16'])
    expect(snapshot().longLivedStale).to.deep.equal(['ipv4-unicast'])
    seconds(300)
    expect(bench.prefixes()).to.deep.equal([])
    expect(snapshot()).to.not.have.any.keys('stale', 'longLivedStale')
  })

  it('does so at once with a restart time of 0, and for a family that graceful restart does not name', async () => {
    await begin({ restart: 0 })
    peer.crash()
    expect(communities()).to.deep.equal([STALE])
    expect(bench.prefixes()).to.deep.equal(PREFIXES)
    await bench.close()
    await begin({ restarts: [2] })
    peer.crash()
    expect(communities()).to.deep.equal([STALE])
    expect(communities('fd10::/48')).to.deep.equal([])
  })

  it('keeps nothing longer than is configured, though the peer asks for more', async () => {
    await begin({}, { ...OURS, longLivedRestart: { time: 0, most: 10 } })
    peer.crash()
    seconds(65)
    expect(bench.prefixes()).to.deep.equal(PREFIXES)
    seconds(10)
    expect(bench.prefixes()).to.deep.equal([])
  })

  it('ignores the capability without that of graceful restart, and without our own', async () => {
    await begin({ restart: undefined })
    peer.crash()
    expect(bench.prefixes()).to.deep.equal([])
    await bench.close()
    await begin({}, { gracefulRestart: OURS.gracefulRestart })
    peer.crash()
    seconds(62)
    expect(bench.prefixes()).to.deep.equal([])
  })

  it('does not keep what says NO_LLGR (4.2)', async () => {
    await begin()
    peer.announceWith({ communities: [NO_LLGR] }, '10.2.0.0/16')
    peer.crash()
    expect(bench.prefixes()).to.deep.equal(PREFIXES)
    seconds(61)
    expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16', 'fd10::/48'])
    expect(back().heard()).to.not.equal(undefined)
    expect(snapshot().counters).to.include({ prefixesReceived: 2, prefixesAccepted: 2 })
  })

  it('prefers any other path to one that is LLGR_STALE, marked here or by others (4.3)', async () => {
    await begin()
    const other = bench.peer({ address: '10.0.0.3', asn: 64514 }).establish()
    const long = { asPath: [{ kind: 'sequence', asns: [64514, 1, 2, 3, 4, 5] }], med: 9000 }
    other.announceWith(long, '10.1.0.0/16')
    bench.clock.settle()
    expect(bench.best.get('10.1.0.0/16')).to.equal('10.0.0.2')
    peer.crash()
    seconds(61)
    expect(bench.best.get('10.1.0.0/16')).to.equal('10.0.0.3')
    const third = bench.peer({ address: '10.0.0.4', asn: 64515 }).establish()
    third.announceWith({ communities: [0xffff0006] }, '10.1.0.0/16')
    bench.clock.settle()
    expect(bench.best.get('10.1.0.0/16')).to.equal('10.0.0.3')
  })

  it('takes the peer back: what comes again is fresh, and what does not is swept at End-of-RIB', async () => {
    await begin()
    peer.crash()
    seconds(100)
    back().announce('10.1.0.0/16')
    expect(communities()).to.deep.equal([])
    expect(communities('10.2.0.0/16')).to.deep.equal([STALE])
    peer.endOfRib('ipv4-unicast', 'ipv6-unicast')
    expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16'])
    expect(snapshot().counters).to.include({ prefixesReceived: 1, prefixesAccepted: 1 })
  })

  it('drops what was kept when the peer comes back without its forwarding state or without the capability', async () => {
    for (const offer of [{ forwarding: false }, { times: {} }]) {
      await begin()
      peer.crash()
      seconds(100)
      back(offer)
      expect(bench.prefixes()).to.deep.equal([])
      await bench.close()
    }
    await begin()
  })

  it('does not let a return that tells nothing lengthen the time (4.2)', async () => {
    await begin()
    peer.crash()
    seconds(500)
    back().announce('10.1.0.0/16')
    seconds(5)
    peer.crash()
    // 60 + 600 s after the first crash the IPv4 routes that never came again go; the others begin their own time.
    expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16', '10.2.0.0/16'])
    seconds(100)
    expect(communities('10.2.0.0/16')).to.deep.equal([STALE])
    seconds(60)
    expect(bench.prefixes()).to.deep.equal([])
  })

  it('applies a changed import policy to what it keeps, which stays a last resort', async () => {
    await begin()
    peer.crash()
    seconds(100)
    back()
    bench.speaker.updatePeer({
      address: '10.0.0.2',
      asn: 64513,
      families: ['ipv4-unicast', 'ipv6-unicast'],
      nextHop: { ipv6: 'fd00::1' },
      passive: true,
      ...OURS,
      importPolicy: {
        rules: [{ name: 'tag', set: { localPref: 7, removeCommunities: 'all' }, verdict: 'accept' }],
        otherwise: 'reject',
      },
    })
    bench.clock.settle()
    expect(bench.speaker.paths('10.1.0.0/16')).to.have.nested.property('[0].localPref', 7)
    expect(communities()).to.deep.equal([STALE])
    expect(snapshot().state).to.equal('established')
  })

  it('keeps them after a hold timer that expires, where NOTIFICATIONs are agreed on, and not after a hard reset', async () => {
    await begin({ notification: true })
    seconds(95)
    seconds(61)
    expect(communities()).to.deep.equal([STALE])
    await bench.close()
    await begin({ notification: true })
    peer.send({ kind: 'notification', code: 6, subcode: 9, data: new Uint8Array(0) })
    expect(bench.prefixes()).to.deep.equal([])
  })

  describe('towards other peers (4.3, 4.6)', () => {
    const other = (asn: number, config: Partial<PeerConfig>, offered: readonly Capability[] = []) =>
      bench.peer({ address: '10.0.0.3', asn, capabilities: offered }, config).establish()

    it('tells those with the capability, with the community', async () => {
      await begin()
      const knows = other(64514, OURS, capabilities())
      knows.heard()
      peer.crash()
      seconds(61)
      const updates = knows.heard().flatMap((message) => (message.kind === 'update' ? [message] : []))
      const prefixes = updates.flatMap(({ nlri }) => nlri.map(({ prefix }) => prefix))
      expect(prefixes).to.have.members(['10.1.0.0/16', '10.2.0.0/16'])
      expect(updates[0]?.attributes.communities).to.deep.equal([0xffff0006])
    })

    it('withdraws from those without it, also where we are asked to tell them but they are external', async () => {
      await begin()
      const stranger = other(64514, { ...OURS, longLivedRestart: { time: 0, tellAnyway: true } })
      stranger.heard()
      peer.crash()
      seconds(61)
      expect(stranger.names()).to.have.members(['update -10.1.0.0/16 -10.2.0.0/16', 'update -fd10::/48'])
    })

    it('tells internal ones without it where that is configured, with LOCAL_PREF 0 and NO_EXPORT', async () => {
      await begin()
      const internal = other(ASN, { ...OURS, longLivedRestart: { time: 0, tellAnyway: true } })
      internal.heard()
      peer.crash()
      seconds(61)
      const [update] = internal.heard().flatMap((message) => (message.kind === 'update' ? [message] : []))
      expect(update?.attributes).to.deep.include({ localPref: 0, communities: [0xffff0006, 0xffffff01] })
    })

    it('tells them again when the peer is back with its routes', async () => {
      await begin()
      const stranger = other(64514, {})
      peer.crash()
      seconds(61)
      stranger.heard()
      back().announce(...PREFIXES)
      expect(stranger.names()).to.have.members(['update +10.1.0.0/16 +10.2.0.0/16', 'update +fd10::/48'])
    })
  })

  it('is checked when it is configured', async () => {
    await begin()
    const problems = (config: Partial<PeerConfig>) => {
      try {
        bench.speaker.addPeer({ address: '10.0.0.9', asn: 1, families: ['ipv4-unicast'], ...config })
      } catch (error) {
        return (error as BgpConfigError).problems.map(({ path }) => path)
      }
      return []
    }
    const restart = { time: 0, forwarding: true }
    expect(problems({ gracefulRestart: restart })).to.deep.equal(['gracefulRestart.time'])
    expect(problems({ longLivedRestart: { time: 1 } })).to.deep.equal(['longLivedRestart'])
    expect(
      problems({ gracefulRestart: restart, longLivedRestart: { time: 0x1000000, most: -1 } }),
    ).to.deep.equal(['longLivedRestart.time', 'longLivedRestart.most'])
    expect(problems({ gracefulRestart: restart, longLivedRestart: { time: 1 } })).to.deep.equal([])
  })
})
