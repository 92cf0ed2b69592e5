// Slow, stalled, flapping and greedy peers: memory is bounded, and other peers are not affected.
import { expect } from 'chai'
import { Bench, SPEAKER } from '../../testing/bench.ts'
import type { RawPeer } from '../../testing/raw-peer.ts'

const prefix = (i: number) => `20.${i >> 8}.${i & 255}.0/24`

const ROUTES = 500
const ROUNDS = 25
const TAGS = Array.from({ length: 100 }, (_, i) => `100:${i}`)

describe('a peer that', () => {
  let bench: Bench
  let bad: RawPeer
  let good: RawPeer

  beforeEach(async () => {
    bench = await Bench.started()
    bad = bench.peer().establish()
    good = bench.peer({ address: '10.0.0.3', asn: 64513 }).establish()
    for (const peer of [bad, good]) peer.heard()
  })
  afterEach(() => bench.close())

  const stall = (stalled: boolean) => bench.network.stall('10.0.0.2', SPEAKER, stalled)
  const pending = () => bench.network.between(SPEAKER, '10.0.0.2')[0]?.pendingBytes() ?? 0
  /** Announces the table again with another MED, as a network in trouble does. */
  const churn = (med: number) => {
    for (let i = 0; i < ROUTES; i++)
      bench.speaker.announce({ prefix: prefix(i), med, communities: [`1:${i}`, ...TAGS] })
    bench.clock.advance(1000)
    bad.send({ kind: 'keepalive' })
    good.send({ kind: 'keepalive' })
  }

  it('reads nothing costs a bounded queue, and others are told in time', () => {
    stall(true)
    for (let med = 0; med < ROUNDS; med++) churn(med)
    // All rounds are some 6 MB; the queue is full at 4.
    expect(pending()).to.be.within(1 << 20, 5 << 20)
    const last = good.heard().at(-1)
    expect(last?.kind === 'update' && last.attributes.med).to.equal(ROUNDS - 1)
  }).timeout(60_000)

  it('was slow is told the latest of all, once, when it reads again', () => {
    stall(true)
    for (let med = 0; med < ROUNDS; med++) churn(med)
    bench.speaker.withdraw(prefix(0))
    bench.clock.advance(3000)
    stall(false)
    bench.clock.advance(5000)
    const latest = new Map<string, number | undefined>()
    for (const message of bad.heard()) {
      if (message.kind !== 'update') continue
      for (const { prefix: gone } of message.withdrawn) latest.delete(gone)
      for (const { prefix: there } of message.nlri) latest.set(there, message.attributes.med)
    }
    expect(latest.size).to.equal(ROUTES - 1)
    expect(new Set(latest.values())).to.deep.equal(new Set([ROUNDS - 1]))
  }).timeout(60_000)

  it('flaps every second leaves nothing behind', () => {
    const sources = new Set<number>()
    for (let round = 0; round < 50; round++) {
      bad.announce(...Array.from({ length: 200 }, (_, i) => prefix(i))).crash()
      bench.clock.advance(1000)
      bad.establish()
      bad.heard()
      sources.add(bench.network.connections.filter(({ closed }) => !closed).length)
    }
    expect(bench.prefixes()).to.deep.equal([])
    // Two open connections, two ends each, after every round.
    expect([...sources]).to.deep.equal([4])
    expect(good.heard().length).to.be.greaterThan(50)
    expect(bench.speaker.peers()[1]?.state).to.equal('established')
  })

  it('sends 900 communities on a route has it passed on', () => {
    const communities = Array.from({ length: 900 }, (_, i) => 65536 + i)
    bad.announceWith({ communities }, '10.1.0.0/16')
    const [update] = good.heard()
    expect(update?.kind === 'update' && update.attributes.communities?.length).to.equal(900)
  })

  it('sends attributes that fit no message of ours leaves the route unannounced there', () => {
    const wide = { kind: 'extended-message' } as const
    bad.crash()
    bad.establish([wide])
    bad.announceWith({ communities: Array.from({ length: 4000 }, (_, i) => 65536 + i) }, '10.1.0.0/16')
    expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16'])
    expect(good.names().filter((name) => name.includes('+10.1.0.0/16'))).to.deep.equal([])
    expect(bench.speaker.peers()[1]?.state).to.equal('established')
  })

  it('opens a thousand connections at once has one session', () => {
    for (let i = 0; i < 1000; i++) bad.connect()
    bench.clock.advance(3000)
    const open = bench.network.between(SPEAKER, '10.0.0.2')
    expect(open.length).to.equal(1)
    expect(bench.speaker.peers()[0]?.state).to.equal('established')
  })

  it('never finishes its OPEN is let go, and others keep their session', () => {
    bad.crash()
    bad.connect().send(Uint8Array.of(255, 255, 255))
    for (let second = 0; second < 300; second += 20) {
      bench.clock.advance(20_000)
      good.send({ kind: 'keepalive' })
    }
    expect(bad.closed).to.equal(true)
    expect(bench.speaker.peers()[1]?.state).to.equal('established')
    expect(bench.speaker.peers()[1]?.counters.established).to.equal(1)
  })
})
