// Route refresh (RFC 2918) and enhanced route refresh (RFC 7313), as requester and as responder.
import { expect } from 'chai'
import type { Capability } from '../../packet/capabilities.ts'
import { Bench } from '../../testing/bench.ts'
import type { RawPeer } from '../../testing/raw-peer.ts'

const ENHANCED: Capability = { kind: 'enhanced-route-refresh' }
const refresh = (afi: number, subtype = 0) => ({ kind: 'route-refresh' as const, afi, safi: 1, subtype })

describe('route refresh', () => {
  let bench: Bench
  let peer: RawPeer

  const begin = async (capabilities: readonly Capability[] = [ENHANCED], config = {}) => {
    bench = await Bench.started()
    for (const prefix of ['10.8.0.0/16', '10.9.0.0/16', 'fd09::/48']) bench.speaker.announce({ prefix })
    peer = bench.peer({ capabilities }, config).establish()
    peer.heard()
  }
  afterEach(() => bench.close())

  describe('that a peer asks for', () => {
    it('sends everything of that family again (RFC 2918 4)', async () => {
      await begin([])
      expect(peer.send(refresh(1)).names()).to.deep.equal(['update +10.8.0.0/16 +10.9.0.0/16'])
      expect(peer.send(refresh(2)).names()).to.deep.equal(['update +fd09::/48'])
    })

    it('is put between its borders where the peer knows them (RFC 7313 4.1)', async () => {
      await begin()
      expect(peer.send(refresh(1)).names()).to.deep.equal([
        'refresh-begin ipv4',
        'update +10.8.0.0/16 +10.9.0.0/16',
        'refresh-end ipv4',
      ])
    })

    it('is ignored for a family that was not negotiated, and with an unknown subtype', async () => {
      await begin([{ kind: 'multiprotocol', afi: 1, safi: 1 }, ENHANCED])
      expect(peer.send(refresh(2)).names()).to.deep.equal([])
      expect(peer.send(refresh(1, 7)).names()).to.deep.equal([])
      expect(bench.downs()).to.deep.equal([])
    })

    it('with a bad length ends the session with 7/1 and the message (RFC 7313 5)', async () => {
      await begin()
      const bad = Uint8Array.of(...new Array(16).fill(255), 0, 24, 5, 0, 1, 1, 1, 0)
      peer.send(bad)
      const last = peer.heard().at(-1)
      expect(last).to.deep.include({ kind: 'notification', code: 7, subcode: 1 })
      expect(last?.kind === 'notification' && [...last.data]).to.deep.equal([...bad])
    })

    it('a hundred times at once is answered once', async () => {
      await begin([])
      const asked = Array.from({ length: 100 }, () => refresh(1))
      expect(peer.send(...asked).names()).to.deep.equal(['update +10.8.0.0/16 +10.9.0.0/16'])
    })

    it('before End-of-RIB is answered after it (RFC 7313 4.1)', async () => {
      bench = await Bench.started()
      for (let i = 0; i < 10_000; i++) bench.speaker.announce({ prefix: `20.${i >> 8}.${i & 255}.0/24` })
      peer = bench.peer({ capabilities: [ENHANCED] }).connect()
      peer.send(peer.open([ENHANCED]), { kind: 'keepalive' }, refresh(1))
      const borders = peer.names().filter((name) => !name.startsWith('update'))
      expect(borders).to.deep.equal([
        'open',
        'end-of-rib ipv4',
        'end-of-rib ipv6',
        'refresh-begin ipv4',
        'refresh-end ipv4',
      ])
    })
  })

  describe('that we ask for', () => {
    it('is a ROUTE-REFRESH of that family', async () => {
      await begin()
      expect(bench.speaker.requestRefresh('10.0.0.2', 'ipv6-unicast')).to.equal(true)
      expect(peer.names()).to.deep.equal(['refresh ipv6'])
    })

    it('is not sent to a peer that has not negotiated the family, or has no session', async () => {
      await begin([{ kind: 'multiprotocol', afi: 1, safi: 1 }])
      expect(bench.speaker.requestRefresh('10.0.0.2', 'ipv6-unicast')).to.equal(false)
      peer.crash()
      expect(bench.speaker.requestRefresh('10.0.0.2', 'ipv4-unicast')).to.equal(false)
    })
  })

  describe('of a peer that says where it begins and ends (RFC 7313 4.2)', () => {
    const PREFIXES = ['10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16']
    const learned = () => bench.prefixes().filter((prefix) => /^10\.[1-7]\./.test(prefix))

    it('sweeps at its end what did not come again', async () => {
      await begin()
      peer
        .announce(...PREFIXES)
        .send(refresh(1, 1))
        .announce('10.2.0.0/16')
        .announceWith({ med: 1 }, '10.3.0.0/16')
      expect(learned()).to.deep.equal(PREFIXES)
      expect(bench.speaker.peers()[0]?.stale).to.deep.equal(['ipv4-unicast'])
      peer.send(refresh(1, 2))
      expect(learned()).to.deep.equal(['10.2.0.0/16', '10.3.0.0/16'])
      expect(bench.speaker.peers()[0]).to.not.have.property('stale')
    })

    it('ignores an end without a beginning', async () => {
      await begin()
      peer.announce(...PREFIXES).send(refresh(1, 2))
      expect(learned()).to.deep.equal(PREFIXES)
    })

    it('begins anew with a second beginning', async () => {
      await begin()
      peer
        .announce(...PREFIXES)
        .send(refresh(1, 1))
        .announce('10.2.0.0/16')
      peer.send(refresh(1, 1)).announce('10.3.0.0/16').send(refresh(1, 2))
      expect(learned()).to.deep.equal(['10.3.0.0/16'])
    })

    it('sweeps after six minutes when the end does not come', async () => {
      await begin([ENHANCED], { holdTime: 0 })
      peer
        .announce(...PREFIXES)
        .send(refresh(1, 1))
        .announce('10.2.0.0/16')
      bench.clock.advance(358_000)
      expect(learned()).to.deep.equal(PREFIXES)
      bench.clock.advance(4000)
      expect(learned()).to.deep.equal(['10.2.0.0/16'])
    })

    it('is ignored before End-of-RIB where graceful restart was negotiated', async () => {
      const families = [1, 2].map((afi) => ({ afi, safi: 1, forwarding: true }))
      const restart: Capability = {
        kind: 'graceful-restart',
        restarting: false,
        notification: false,
        time: 60,
        families,
      }
      await begin([ENHANCED, restart], { gracefulRestart: { time: 60, forwarding: true } })
      peer.announce(...PREFIXES).send(refresh(1, 1), refresh(1, 2))
      expect(learned()).to.deep.equal(PREFIXES)
      peer.endOfRib('ipv4-unicast').send(refresh(1, 1), refresh(1, 2))
      expect(learned()).to.deep.equal([])
    })

    it('is ignored of a peer that has not offered it', async () => {
      await begin([])
      peer.announce(...PREFIXES).send(refresh(1, 1), refresh(1, 2))
      expect(learned()).to.deep.equal(PREFIXES)
    })
  })
})
