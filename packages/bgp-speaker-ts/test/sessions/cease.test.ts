// CEASE: its subcodes (RFC 4486) and the operator's message (RFC 9003).
import { expect } from 'chai'
import { encodeCommunication, shutdownCommunication } from '../../packet/notification.ts'
import { ASN, Bench } from '../../testing/bench.ts'
import type { RawPeer } from '../../testing/raw-peer.ts'

const CONFIG = {
  address: '10.0.0.2',
  asn: 64513,
  families: ['ipv4-unicast', 'ipv6-unicast'],
  nextHop: { ipv6: 'fd00::1' },
  passive: true,
} as const

describe('CEASE', () => {
  let bench: Bench
  let peer: RawPeer

  beforeEach(async () => {
    bench = await Bench.started()
    peer = bench.peer().establish()
    peer.heard()
  })
  afterEach(() => bench.close())

  const heard = () => peer.heard().find(({ kind }) => kind === 'notification')
  const communication = () => {
    const message = heard()
    return message?.kind === 'notification' ? shutdownCommunication(message) : undefined
  }

  it('1: too many prefixes, with the family and the limit', () => {
    bench.speaker.updatePeer({ ...CONFIG, maxPrefixes: 1 })
    peer.announce('10.1.0.0/16', '10.2.0.0/16')
    expect(heard()).to.deep.include({ code: 6, subcode: 1, data: Uint8Array.of(0, 1, 1, 0, 0, 0, 1) })
  })

  it('2: shutdown, with the reason', () => {
    void bench.speaker.close('maintenance until noon')
    expect(communication()).to.equal('maintenance until noon')
  })

  it('3: the peer is removed', () => {
    void bench.speaker.removePeer('10.0.0.2')
    expect(peer.names()).to.deep.equal(['notification 6/3'])
  })

  it('4: reset, with the reason; the peer may come back at once', () => {
    bench.speaker.resetPeer('10.0.0.2', 'new certificate')
    expect(communication()).to.equal('new certificate')
    peer.establish()
    expect(bench.speaker.peers()[0]?.state).to.equal('established')
  })

  it('5: a connection that is not wanted now', () => {
    const second = bench.raw().establish()
    expect(second.names()).to.deep.equal(['notification 6/5'])
    expect(bench.speaker.peers()[0]?.state).to.equal('established')
  })

  it('6: the configuration needs a new session', () => {
    bench.speaker.updatePeer({ ...CONFIG, holdTime: 30 })
    expect(peer.names()).to.deep.equal(['notification 6/6'])
  })

  it('7: a collision, on the connection that loses', async () => {
    const heardByOurs: number[][] = []
    const listener = await bench.network.transport('10.0.0.9').listen({ port: 179 }, (connection) => {
      const onData = (bytes: Uint8Array) => void heardByOurs.push([...bytes.subarray(18, 21)])
      connection.handle({ onConnect() {}, onData, onDrain() {}, onClose() {} })
    })
    bench.speaker.addPeer({ address: '10.0.0.9', asn: ASN, families: CONFIG.families })
    bench.clock.settle()
    const theirs = bench.raw({ address: '10.0.0.9', asn: ASN }).establish()
    expect(theirs.names()).to.deep.include('open')
    // Ours is silent, and would win with an OPEN: it is waited for.
    bench.clock.advance(6000)
    expect(heardByOurs.at(-1)).to.deep.equal([3, 6, 7])
    expect(bench.speaker.peers().at(-1)?.state).to.equal('established')
    await listener.close()
  })

  it('8: a fault while an UPDATE is processed costs that session, not the process', () => {
    bench.speaker.on('reject', () => {
      throw new Error('a listener that fails')
    })
    peer.announceWith({ nextHop: '224.0.0.1' }, '10.1.0.0/16')
    expect(peer.names()).to.deep.equal(['notification 6/8'])
  })

  it('2/7 where no address family is common', () => {
    const other = bench.peer(
      { address: '10.0.0.4', asn: 64515, capabilities: [{ kind: 'multiprotocol', afi: 2, safi: 1 }] },
      { families: ['ipv4-unicast'] },
    )
    expect(other.establish().names()).to.deep.equal(['open', 'notification 2/7'])
  })
})

describe('the shutdown communication (RFC 9003)', () => {
  const round = (text: string) =>
    shutdownCommunication({ code: 6, subcode: 2, data: encodeCommunication(text) })

  it('has up to 255 bytes of UTF-8, cut at the border of a character', () => {
    expect(round('x'.repeat(255))).to.equal('x'.repeat(255))
    expect(round('x'.repeat(300))).to.equal('x'.repeat(255))
    expect(round('é'.repeat(200))).to.equal('é'.repeat(127))
    expect(round(`${'x'.repeat(254)}€`)).to.equal('x'.repeat(254))
  })

  it('is nothing where it is empty, cut short, not UTF-8, or stands with another subcode', () => {
    const of = (subcode: number, ...data: readonly number[]) =>
      shutdownCommunication({ code: 6, subcode, data: Uint8Array.from(data) })
    expect(of(2, 2, 0x6f, 0x6b)).to.equal('ok')
    expect(of(4, 2, 0x6f, 0x6b)).to.equal('ok')
    expect(of(2)).to.equal(undefined)
    expect(of(2, 0)).to.equal(undefined)
    expect(of(2, 3, 0x6f, 0x6b)).to.equal(undefined)
    expect(of(2, 1, 0xff)).to.equal(undefined)
    expect(of(3, 2, 0x6f, 0x6b)).to.equal(undefined)
  })
})
