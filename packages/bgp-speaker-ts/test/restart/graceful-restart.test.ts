// Graceful restart as the helper of a peer that restarts (RFC 4724 section 4.2), also after a NOTIFICATION (RFC 8538).
import { expect } from 'chai'
import type { PeerConfig } from '../../config.ts'
import type { Capability } from '../../packet/capabilities.ts'
import type { Message } from '../../packet/message.ts'
import type { Notification } from '../../packet/notification.ts'
import { Bench } from '../../testing/bench.ts'
import type { RawPeer } from '../../testing/raw-peer.ts'

const PREFIXES = ['10.1.0.0/16', '10.2.0.0/16', 'fd10::/48']
const OURS = { gracefulRestart: { time: 120, forwarding: true } } satisfies Partial<PeerConfig>

interface Restart {
  readonly restarting?: boolean
  readonly notification?: boolean
  readonly time?: number
  /** AFIs that are named, with the forwarding bit. */
  readonly forwarding?: Readonly<Record<number, boolean>>
}

function capability({
  restarting = false,
  notification = false,
  time = 60,
  forwarding = { 1: true, 2: true },
}: Restart = {}): Capability {
  const families = Object.entries(forwarding).map(([afi, kept]) => ({
    afi: Number(afi),
    safi: 1,
    forwarding: kept,
  }))
  return { kind: 'graceful-restart', restarting, notification, time, families }
}

const back = (more: Restart = {}) => [capability({ restarting: true, ...more })]

/** What strangers are told. */
const ANSWERS: Readonly<Record<string, readonly string[]>> = {
  'nothing at all': [],
  nonsense: ['notification 1/3'],
  'an OPEN of another AS': ['notification 2/2'],
  'an OPEN of another identifier': ['notification 6/7'],
}

function cease(subcode: number): { kind: 'notification' } & Notification {
  return { kind: 'notification', code: 6, subcode, data: new Uint8Array(0) }
}

describe('graceful restart of a peer', () => {
  let bench: Bench
  let peer: RawPeer

  const begin = async (theirs: Restart = {}, ours: Partial<PeerConfig> = OURS) => {
    bench = await Bench.started()
    peer = bench.peer({ capabilities: [capability(theirs)] }, ours)
    peer.establish().announce(...PREFIXES)
    peer.endOfRib('ipv4-unicast', 'ipv6-unicast')
    expect(bench.prefixes()).to.deep.equal(PREFIXES)
  }
  const snapshot = () => bench.speaker.peers()[0]!

  afterEach(() => bench.close())

  it('offers the capability with our time, our forwarding and the N bit (RFC 4724 3, RFC 8538 2)', async () => {
    await begin()
    const [open] = peer.heard()
    expect(
      open?.kind === 'open' && open.capabilities.find(({ kind }) => kind === 'graceful-restart'),
    ).to.deep.equal({
      kind: 'graceful-restart',
      restarting: false,
      notification: true,
      time: 120,
      families: [
        { afi: 1, safi: 1, forwarding: true },
        { afi: 2, safi: 1, forwarding: true },
      ],
    })
  })

  it('keeps the routes of a peer whose connection breaks, as they were (RFC 4724 4.2)', async () => {
    await begin()
    bench.changes.length = 0
    peer.crash()
    expect(bench.prefixes()).to.deep.equal(PREFIXES)
    expect(bench.changes).to.deep.equal([])
    expect(snapshot()).to.deep.include({ state: 'active', stale: ['ipv4-unicast', 'ipv6-unicast'] })
  })

  it('tells other peers nothing of it', async () => {
    await begin()
    const other = bench.peer({ address: '10.0.0.3', asn: 64514 }).establish()
    other.heard()
    peer.crash()
    peer.establish(back()).announce(...PREFIXES)
    peer.endOfRib('ipv4-unicast', 'ipv6-unicast')
    expect(other.names()).to.deep.equal([])
  })

  it('drops them at once without the capability on either side', async () => {
    await begin({}, {})
    peer.crash()
    expect(bench.prefixes()).to.deep.equal([])
    await bench.close()
    bench = await Bench.started()
    peer = bench
      .peer({}, OURS)
      .establish()
      .announce(...PREFIXES)
    peer.crash()
    expect(bench.prefixes()).to.deep.equal([])
  })

  it('keeps only the families that the capability names', async () => {
    await begin({ forwarding: { 2: true } })
    peer.crash()
    expect(bench.prefixes()).to.deep.equal(['fd10::/48'])
  })

  it('drops them when the peer is not back within its restart time', async () => {
    await begin({ time: 60 })
    peer.crash()
    bench.clock.advance(58_000)
    expect(bench.prefixes()).to.deep.equal(PREFIXES)
    bench.clock.advance(3000)
    expect(bench.prefixes()).to.deep.equal([])
    expect(snapshot()).to.not.have.property('stale')
  })

  it('sweeps at End-of-RIB what the peer has not sent again, family by family', async () => {
    await begin()
    peer.crash()
    peer.establish(back()).announce('10.2.0.0/16')
    expect(bench.prefixes()).to.deep.equal(PREFIXES)
    peer.endOfRib('ipv4-unicast')
    expect(bench.prefixes()).to.deep.equal(['10.2.0.0/16', 'fd10::/48'])
    expect(snapshot()).to.deep.include({ stale: ['ipv6-unicast'] })
    expect(snapshot().counters).to.include({ prefixesReceived: 2, prefixesAccepted: 2 })
    peer.endOfRib('ipv6-unicast')
    expect(bench.prefixes()).to.deep.equal(['10.2.0.0/16'])
    expect(snapshot()).to.not.have.property('stale')
  })

  it('replaces a stale route by what the peer sends of it now, and takes its withdrawal', async () => {
    await begin()
    peer.crash()
    peer.establish(back()).announceWith({ med: 9 }, '10.1.0.0/16').withdraw('10.2.0.0/16')
    expect([...bench.speaker.routes('ipv4-unicast')].map(({ prefix, med }) => [prefix, med])).to.deep.equal([
      ['10.1.0.0/16', 9],
    ])
    peer.endOfRib('ipv4-unicast')
    expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16', 'fd10::/48'])
  })

  it('drops a family whose forwarding state the peer did not keep, and one that it names no more', async () => {
    await begin()
    peer.crash()
    peer.establish(back({ forwarding: { 1: false, 2: true } }))
    expect(bench.prefixes()).to.deep.equal(['fd10::/48'])
    peer.crash()
    peer.establish(back({ forwarding: { 1: true } }))
    expect(bench.prefixes()).to.deep.equal([])
  })

  it('drops all when the peer comes back without the capability', async () => {
    await begin()
    peer.crash()
    peer.establish([])
    expect(bench.prefixes()).to.deep.equal([])
  })

  it('drops at a second restart what was stale already, and keeps what had come again (A15)', async () => {
    await begin()
    peer.crash()
    peer.establish(back()).announce('10.1.0.0/16')
    peer.crash()
    expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16'])
    peer.establish(back()).endOfRib('ipv4-unicast', 'ipv6-unicast')
    expect(bench.prefixes()).to.deep.equal([])
  })

  it('sweeps in the end also when End-of-RIB never comes', async () => {
    await begin()
    peer.crash()
    peer.establish(back()).announce('10.2.0.0/16')
    for (let second = 0; second < 355; second += 5) {
      bench.clock.advance(5000)
      peer.send({ kind: 'keepalive' })
    }
    expect(bench.prefixes()).to.deep.equal(PREFIXES)
    bench.clock.advance(10_000)
    expect(bench.prefixes()).to.deep.equal(['10.2.0.0/16'])
  })

  it('counts kept routes towards the limit of prefixes', async () => {
    await begin({}, { ...OURS, maxPrefixes: 3 })
    peer.crash()
    peer.establish(back()).announce('10.1.0.0/16', '10.2.0.0/16').endOfRib('ipv4-unicast')
    peer.announce('10.3.0.0/16')
    expect(snapshot()).to.deep.include({ state: 'established' })
    expect(snapshot().counters.prefixesReceived).to.equal(4)
  })

  it('takes the return of a peer whose end it has not seen for that end (RFC 4724 5)', async () => {
    await begin()
    bench.clock.advance(15_000)
    peer.establish(back()).announce('10.1.0.0/16')
    expect(bench.prefixes()).to.deep.equal(PREFIXES)
    peer.endOfRib('ipv4-unicast', 'ipv6-unicast')
    expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16'])
    expect(snapshot()).to.deep.include({ state: 'established' })
    expect(snapshot().lastDown).to.deep.equal({
      kind: 'connection-closed',
      error: 'the peer connected again',
    })
  })

  for (const [what, messages] of Object.entries({
    'nothing at all': [],
    nonsense: [Uint8Array.of(...Array(16).fill(255), 0, 19, 9)],
    'an OPEN of another AS': [{ kind: 'open', asn: 64999, holdTime: 90, routerId: 2, capabilities: [] }],
    'an OPEN of another identifier': [
      { kind: 'open', asn: 64513, holdTime: 90, routerId: 99, capabilities: [] },
      { kind: 'keepalive' },
    ],
  } satisfies Record<string, readonly (Message | Uint8Array)[]>)) {
    it(`goes on with the session when somebody connects from the peer’s address and says ${what}`, async () => {
      await begin()
      bench.clock.advance(15_000)
      const stranger = bench.raw().connect()
      stranger.send(...messages)
      const answers = stranger.names()
      expect(answers[0]).to.equal('open')
      expect(answers.slice(1)).to.deep.equal(ANSWERS[what])
      expect(bench.downs()).to.deep.equal([])
      expect(peer.announce('10.3.0.0/16').closed).to.equal(false)
      expect(bench.prefixes()).to.deep.equal([...PREFIXES, '10.3.0.0/16'].sort())
      expect(snapshot()).to.deep.include({ state: 'established', lastDown: undefined })
      expect(snapshot()).to.not.have.property('stale')
    })
  }

  it('forgets the routes of a peer that is removed while it restarts', async () => {
    await begin()
    peer.crash()
    await bench.speaker.removePeer('10.0.0.2')
    expect(bench.prefixes()).to.deep.equal([])
  })

  describe('with NOTIFICATION (RFC 8538)', () => {
    it('drops the routes after a NOTIFICATION when the peer has no N bit', async () => {
      await begin()
      peer.send(cease(4))
      expect(bench.prefixes()).to.deep.equal([])
    })

    it('keeps them after a NOTIFICATION when both have the N bit', async () => {
      await begin({ notification: true })
      peer.send(cease(4))
      expect(bench.prefixes()).to.deep.equal(PREFIXES)
      peer.establish(back({ notification: true })).announce('10.1.0.0/16')
      peer.endOfRib('ipv4-unicast', 'ipv6-unicast')
      expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16'])
    })

    it('drops them after a hard reset, and shows what it carries', async () => {
      await begin({ notification: true })
      const data = Uint8Array.of(6, 2, 4, ...new TextEncoder().encode('done'))
      peer.send({ ...cease(9), data })
      expect(bench.prefixes()).to.deep.equal([])
      expect(snapshot().lastDown).to.deep.include({
        code: 6,
        subcode: 9,
        text: 'Cease/Hard Reset: Cease/Administrative Shutdown',
        communication: 'done',
      })
    })

    for (const notification of [true, false]) {
      it(`${notification ? 'keeps' : 'drops'} them when the hold timer expires ${notification ? 'with' : 'without'} the N bit`, async () => {
        await begin({ notification })
        bench.clock.advance(92_000)
        expect(snapshot().lastDown).to.deep.include({ kind: 'notification-sent', code: 4 })
        expect(bench.prefixes()).to.deep.equal(notification ? PREFIXES : [])
      })
    }

    it('sends an end for good inside a hard reset', async () => {
      await begin({ notification: true })
      peer.heard()
      const closed = bench.speaker.close('maintenance')
      const last = peer.heard().at(-1)
      expect(last).to.deep.include({ kind: 'notification', code: 6, subcode: 9 })
      expect(last?.kind === 'notification' && [...last.data.subarray(0, 3)]).to.deep.equal([6, 2, 11])
      await closed
    })

    it('sends a reset that is not for good as it is, and keeps the routes', async () => {
      await begin({ notification: true })
      peer.heard()
      bench.speaker.resetPeer('10.0.0.2', 'again')
      expect(peer.names()).to.deep.equal(['notification 6/4'])
      expect(bench.prefixes()).to.deep.equal(PREFIXES)
    })
  })
})
