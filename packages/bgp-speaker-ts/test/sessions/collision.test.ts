// A speaker and a peer with the higher identifier that connect at once (RFC 4271 section 6.8): the peer decides, and what shows its choice counts. All orders are in peer/fsm/collisions.test.ts.
import { expect } from 'chai'
import { encodeMessage, type Message } from '../../packet/message.ts'
import { ASN, Bench } from '../../testing/bench.ts'
import type { RawPeer } from '../../testing/raw-peer.ts'
import type { Connection } from '../../transport.ts'

describe('a peer with the higher identifier', () => {
  let bench: Bench
  let theirs: RawPeer
  let ours: Connection
  let oursEnded: boolean

  const onOurs = (...messages: readonly Message[]) => {
    for (const message of messages) ours.write(encodeMessage(message))
    bench.clock.settle()
  }
  const update: Message = {
    kind: 'update',
    withdrawn: [],
    attributes: { origin: 'igp', asPath: [], localPref: 100, nextHop: '10.0.0.9' },
    nlri: [{ prefix: '10.1.0.0/16' }],
  }

  beforeEach(async () => {
    bench = await Bench.started({ routerId: '0.0.0.1' })
    oursEnded = false
    await bench.network.transport('10.0.0.9').listen({ port: 179 }, (connection) => {
      ours = connection
      const onClose = () => {
        oursEnded = true
      }
      ours.handle({ onConnect() {}, onData() {}, onDrain() {}, onClose })
    })
    bench.speaker.addPeer({ address: '10.0.0.9', asn: ASN, families: ['ipv4-unicast'] })
    bench.clock.settle()
    theirs = bench.raw({ address: '10.0.0.9', asn: ASN }).connect()
    onOurs(theirs.open())
    theirs.send(theirs.open())
    onOurs({ kind: 'keepalive' })
  })
  afterEach(() => bench.close())

  it('has not decided while both connections are open', () => {
    expect(bench.speaker.peers()[0]?.state).to.equal('open-confirm')
    expect([oursEnded, theirs.closed]).to.deep.equal([false, false])
  })

  it('decides for ours with its first route, which is taken', () => {
    onOurs(update)
    expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16'])
    expect(theirs.names()).to.deep.equal(['open', 'notification 6/7'])
    expect(theirs.closed).to.equal(true)
  })

  it('decides for ours by the end of its own', () => {
    theirs.crash()
    onOurs(update)
    expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16'])
  })

  it('decides for its own with a KEEPALIVE, and there is one session', () => {
    theirs.send({ kind: 'keepalive' }, update)
    expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16'])
    expect(oursEnded).to.equal(true)
    expect(bench.events.filter(({ kind }) => kind === 'established')).to.have.length(1)
    expect(bench.downs()).to.deep.equal([])
  })

  it('has its session over ours where it says nothing more for five seconds', () => {
    bench.clock.advance(6000)
    expect(bench.speaker.peers()[0]?.state).to.equal('established')
    expect(theirs.closed).to.equal(true)
  })
})
