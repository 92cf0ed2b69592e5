// Prefix limits: CEASE/Maximum Number of Prefixes Reached (RFC 4486 section 4) and the time for which the peer is barred.
import { expect } from 'chai'
import { Bench } from '../../testing/bench.ts'
import type { RawPeer } from '../../testing/raw-peer.ts'

describe('the limit of prefixes', () => {
  let bench: Bench
  let peer: RawPeer
  const config = {
    address: '10.0.0.2',
    asn: 64513,
    families: ['ipv4-unicast', 'ipv6-unicast'] as const,
    passive: true,
    nextHop: { ipv6: 'fd00::1' },
  }

  beforeEach(async () => {
    bench = await Bench.started()
    peer = bench.peer({}, { maxPrefixes: 2 }).establish()
    peer.heard()
  })
  afterEach(() => bench.close())

  const expectCease = (afi: number, limit: number) => {
    const last = peer.heard().at(-1)
    expect(last).to.deep.include({ kind: 'notification', code: 6, subcode: 1 })
    expect(last?.kind === 'notification' && [...last.data]).to.deep.equal([0, afi, 1, 0, 0, 0, limit])
    expect(bench.prefixes()).to.deep.equal([])
  }

  it('is reached without harm', () => {
    peer.announce('10.1.0.0/16', '10.2.0.0/16').announce('10.1.0.0/16')
    expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16', '10.2.0.0/16'])
    peer.withdraw('10.1.0.0/16').announce('10.3.0.0/16')
    expect(bench.prefixes()).to.deep.equal(['10.2.0.0/16', '10.3.0.0/16'])
  })

  it('when exceeded ends the session with the family and the limit, and all routes go', () => {
    peer.announce('10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16')
    expectCease(1, 2)
  })

  it('is said to be near at four fifths of it, once a session and family', async () => {
    bench.speaker.updatePeer({ ...config, maxPrefixes: 5 })
    const near = () => bench.events.filter(({ kind }) => kind === 'near-prefix-limit')
    peer.announce('10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16')
    expect(near()).to.deep.equal([])
    peer.announce('10.4.0.0/16').withdraw('10.4.0.0/16').announce('10.4.0.0/16')
    expect(near()).to.deep.equal([
      { kind: 'near-prefix-limit', peer: '10.0.0.2', family: 'ipv4-unicast', limit: 5 },
    ])
    peer.announce('fd01::/48', 'fd02::/48', 'fd03::/48', 'fd04::/48')
    expect(near().length).to.equal(2)
  })

  it('is another one for each family, or for one only', () => {
    bench.speaker.updatePeer({ ...config, maxPrefixes: { 'ipv6-unicast': 1 } })
    peer.announce('10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16', 'fd01::/48')
    expect(bench.prefixes().length).to.equal(4)
    peer.announce('fd02::/48')
    expectCease(2, 1)
  })

  it('blocks what is beyond it and keeps the session and what there was', () => {
    const rejected: string[] = []
    bench.speaker.on('reject', ({ prefix, reason }) => void rejected.push(`${prefix} ${reason}`))
    bench.speaker.updatePeer({ ...config, maxPrefixes: 2, maxPrefixesAction: 'block' })
    peer.announce('10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16')
    expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16', '10.2.0.0/16'])
    expect(rejected).to.deep.equal(['10.3.0.0/16 max-prefixes'])
    expect(bench.speaker.tables()['ipv4-unicast'].prefixes).to.equal(2)
    peer.withdraw('10.1.0.0/16').announce('10.3.0.0/16')
    expect(bench.prefixes()).to.deep.equal(['10.2.0.0/16', '10.3.0.0/16'])
    expect(bench.downs()).to.deep.equal([])
  })

  it('only warns', () => {
    bench.speaker.updatePeer({ ...config, maxPrefixes: 2, maxPrefixesAction: 'warn' })
    peer.announce('10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16')
    expect(bench.prefixes().length).to.equal(3)
    expect(bench.events.filter(({ kind }) => kind === 'near-prefix-limit').length).to.equal(1)
  })

  it('counts each family by itself', () => {
    peer.announce('10.1.0.0/16', '10.2.0.0/16', 'fd01::/48', 'fd02::/48')
    expect(bench.prefixes().length).to.equal(4)
    peer.announce('fd03::/48')
    expectCease(2, 2)
  })

  it('counts what the import policy rejects, too', async () => {
    bench.speaker.updatePeer({ ...config, maxPrefixes: 2, importPolicy: { rules: [], otherwise: 'reject' } })
    peer.announce('10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16')
    expectCease(1, 2)
  })

  it('keeps the peer out for a minute, then lets it in', () => {
    peer.announce('10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16')
    peer.heard()
    bench.clock.advance(55_000)
    expect(peer.establish().names()).to.deep.equal(['notification 6/5'])
    bench.clock.advance(6000)
    peer.establish().announce('10.1.0.0/16')
    expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16'])
  })

  it('keeps us from connecting for a minute', async () => {
    await bench.close()
    bench = await Bench.started()
    let attempts = 0
    await bench.network.transport('10.0.0.2').listen({ port: 179 }, () => void attempts++)
    peer = bench.peer({}, { maxPrefixes: 1, passive: false, port: 179 })
    peer.establish()
    // Our own connection is silent, and would win with an OPEN: it is waited for.
    bench.clock.advance(6000)
    peer.announce('10.1.0.0/16', '10.2.0.0/16')
    const before = attempts
    bench.clock.advance(44_000)
    expect(attempts).to.equal(before)
    bench.clock.advance(20_000)
    expect(attempts).to.be.greaterThan(before)
  })

  it('that is lowered below what the peer has sent ends the session', () => {
    peer.announce('10.1.0.0/16', '10.2.0.0/16')
    bench.speaker.updatePeer({ ...config, maxPrefixes: 1 })
    expectCease(1, 1)
  })

  it('that is raised or lifted leaves the session alone', () => {
    peer.announce('10.1.0.0/16', '10.2.0.0/16')
    bench.speaker.updatePeer({ ...config, maxPrefixes: 3 })
    peer.announce('10.3.0.0/16')
    bench.speaker.updatePeer(config)
    peer.announce('10.4.0.0/16')
    expect(bench.prefixes().length).to.equal(4)
    expect(bench.downs()).to.deep.equal([])
  })

  it('keeps no route for a graceful restart (RFC 8538 4.1)', async () => {
    await bench.close()
    bench = await Bench.started()
    const families = [{ afi: 1, safi: 1, forwarding: true }]
    const capability = {
      kind: 'graceful-restart',
      restarting: false,
      notification: true,
      time: 60,
      families,
    } as const
    peer = bench.peer(
      { capabilities: [capability] },
      { maxPrefixes: 1, gracefulRestart: { time: 60, forwarding: true } },
    )
    peer.establish().announce('10.1.0.0/16', '10.2.0.0/16')
    const last = peer.heard().at(-1)
    expect(last?.kind === 'notification' && [last.subcode, ...last.data.subarray(0, 2)]).to.deep.equal([
      9, 6, 1,
    ])
    expect(bench.prefixes()).to.deep.equal([])
  })
})
