// The send hold timer (RFC 9687): a peer that sends KEEPALIVEs but reads nothing.
import { expect } from 'chai'
import { Bench, SPEAKER } from '../../testing/bench.ts'
import type { RawPeer } from '../../testing/raw-peer.ts'

describe('the send hold timer', () => {
  let bench: Bench
  let peer: RawPeer

  const begin = async (holdTime = 90) => {
    bench = await Bench.started()
    peer = bench.peer({ holdTime }, { holdTime }).establish()
    peer.heard()
  }
  /** Time passes while the peer keeps its side of the session alive. */
  const pass = (seconds: number) => {
    for (let second = 0; second < seconds; second += 10) {
      bench.clock.advance(10_000)
      peer.send({ kind: 'keepalive' })
    }
  }
  const stall = (stalled: boolean) => bench.network.stall('10.0.0.2', SPEAKER, stalled)
  const state = () => bench.speaker.peers()[0]?.state

  afterEach(() => bench.close())

  it('ends a session whose peer takes nothing for eight minutes, though it talks', async () => {
    await begin()
    stall(true)
    bench.speaker.announce({ prefix: '10.9.0.0/16' })
    pass(470)
    expect(state()).to.equal('established')
    pass(40)
    expect(state()).to.equal('active')
    expect(bench.speaker.peers()[0]?.lastDown).to.deep.include({
      kind: 'notification-sent',
      code: 8,
      text: 'Send Hold Timer Expired',
    })
  })

  it('cuts the connection, whose NOTIFICATION cannot get through', async () => {
    await begin()
    stall(true)
    pass(540)
    expect(bench.network.between(SPEAKER, '10.0.0.2')).to.deep.equal([])
    expect(peer.closed).to.equal(true)
  })

  it('is twice the hold time where that is more', async () => {
    await begin(600)
    stall(true)
    bench.speaker.announce({ prefix: '10.9.0.0/16' })
    pass(1190)
    expect(state()).to.equal('established')
    pass(40)
    expect(state()).to.equal('active')
  })

  it('starts again when something was taken', async () => {
    await begin()
    stall(true)
    bench.speaker.announce({ prefix: '10.9.0.0/16' })
    pass(400)
    stall(false)
    bench.clock.settle()
    stall(true)
    bench.speaker.announce({ prefix: '10.8.0.0/16' })
    pass(400)
    expect(state()).to.equal('established')
  })

  it('does not run while there is nothing to send', async () => {
    await begin()
    pass(3000)
    expect(state()).to.equal('established')
  })

  it('is off with a hold time of zero', async () => {
    await begin(0)
    stall(true)
    bench.speaker.announce({ prefix: '10.9.0.0/16' })
    bench.clock.advance(3_600_000)
    expect(state()).to.equal('established')
  })
})
