// Sessions that end by a BFD failure (RFC 5882, RFC 9384).
import { EventEmitter } from 'node:events'
import { expect } from 'chai'
import type { BfdDown } from '../../bfd/bfd.ts'
import type { BfdSessionConfig } from '../../bfd/config.ts'
import { BgpConfigError, BgpError } from '../../errors.ts'
import { Bench, SPEAKER } from '../../testing/bench.ts'

class FakeBfd extends EventEmitter<{ down: [BfdDown] }> {
  readonly sessions = new Map<string, BfdSessionConfig>()

  addSession(config: BfdSessionConfig): void {
    this.sessions.set(config.peer, config)
  }

  removeSession(peer: string): void {
    this.sessions.delete(peer)
  }

  down(peer: string, reason: BfdDown['reason']): void {
    this.emit('down', { peer, reason, diagnostic: '' })
  }
}

const TIMERS = { desiredMinTx: 50, requiredMinRx: 60, detectMultiplier: 4 }

describe('a path watched by BFD', () => {
  let bench: Bench
  let bfd: FakeBfd

  const begin = async (config = {}) => {
    bfd = new FakeBfd()
    bench = await Bench.started({ bfd })
    return bench.peer({}, { bfd: TIMERS, ...config })
  }
  afterEach(() => bench.close())

  it('has a session with the timers of its peer once BGP is up, also after BGP is down again', async () => {
    const peer = await begin()
    expect(bfd.sessions.size).to.equal(0)
    peer.establish()
    const expected = { ...TIMERS, peer: '10.0.0.2', local: SPEAKER }
    expect([...bfd.sessions.values()]).to.deep.equal([expected])
    peer.crash()
    peer.establish()
    expect([...bfd.sessions.values()]).to.deep.equal([expected])
    const removed = bench.speaker.removePeer('10.0.0.2')
    bench.clock.settle()
    await removed
    expect(bfd.sessions.size).to.equal(0)
  })

  for (const reason of ['detection-expired', 'neighbor-down'] as const) {
    it(`ends the BGP session at once on ${reason}, with CEASE/BFD Down`, async () => {
      const peer = (await begin()).establish().announce('10.1.0.0/16')
      peer.heard()
      bfd.down('10.0.0.2', reason)
      expect(bench.prefixes()).to.deep.equal([])
      expect(peer.names()).to.deep.equal(['notification 6/10'])
      expect(bench.speaker.peers()[0]?.lastDown).to.deep.include({ text: 'Cease/BFD Down' })
    })
  }

  for (const reason of ['neighbor-admin-down', 'admin-down', 'thread-ended'] as const) {
    it(`does not on ${reason}`, async () => {
      ;(await begin()).establish().announce('10.1.0.0/16')
      bfd.down('10.0.0.2', reason)
      expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16'])
      expect(bench.downs()).to.deep.equal([])
    })
  }

  it('that failed keeps no routes for a graceful restart', async () => {
    const peer = await begin({ gracefulRestart: { time: 60, forwarding: true } })
    const families = [{ afi: 1, safi: 1, forwarding: true }]
    peer.establish([{ kind: 'graceful-restart', restarting: false, notification: true, time: 60, families }])
    peer.announce('10.1.0.0/16')
    bfd.down('10.0.0.2', 'detection-expired')
    expect(bench.prefixes()).to.deep.equal([])
  })

  it('of a peer that restarts does not take the routes that are kept for it (A13, RFC 5882 4.3)', async () => {
    const peer = await begin({ gracefulRestart: { time: 60, forwarding: true } })
    const families = [{ afi: 1, safi: 1, forwarding: true }]
    peer.establish([{ kind: 'graceful-restart', restarting: false, notification: true, time: 60, families }])
    peer.announce('10.1.0.0/16').crash()
    bfd.down('10.0.0.2', 'detection-expired')
    expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16'])
  })

  it('does not mind that BFD was closed before the speaker', async () => {
    const peer = (await begin()).establish()
    bfd.removeSession = () => {
      throw new BgpError('closed', 'BFD is closed')
    }
    await bench.close()
    expect(peer.closed).to.equal(true)
  })

  it('is refused without BFD, and with bad timers', async () => {
    await begin()
    const config = { address: '10.0.0.9', asn: 1, families: ['ipv4-unicast'] as const }
    expect(() => bench.speaker.addPeer({ ...config, bfd: { desiredMinTx: 1 } })).to.throw(
      BgpConfigError,
      /bfd.desiredMinTx/,
    )
    await bench.close()
    bench = await Bench.started()
    expect(() => bench.speaker.addPeer({ ...config, bfd: {} })).to.throw(BgpConfigError, /bfd: /)
  })
})
