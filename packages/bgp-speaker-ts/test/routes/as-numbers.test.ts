// 4-byte AS numbers (RFC 6793), with peers of 4-byte and of 2-byte numbers.
import { expect } from 'chai'
import type { Message } from '../../packet/message.ts'
import { readU16 } from '../../packet/reader.ts'
import { Bench } from '../../testing/bench.ts'

const WIDE = 4_200_000_001
const FAMILIES = ['ipv4-unicast', 'ipv6-unicast'] as const

/** An OPEN without the capability: its AS number has two bytes. */
const oldOpen = (asn: number, last: number): Message => ({
  kind: 'open',
  asn,
  holdTime: 90,
  routerId: last,
  capabilities: [{ kind: 'multiprotocol', afi: 1, safi: 1 }],
})

describe('AS numbers (RFC 6793)', () => {
  let bench: Bench

  beforeEach(async () => {
    bench = await Bench.started({ asn: WIDE })
  })
  afterEach(() => bench.close())

  it('of four bytes stand in the capability, and AS_TRANS in the OPEN itself', () => {
    const peer = bench.peer().establish()
    const [bytes] = peer.raw()
    expect(readU16(bytes!, 20)).to.equal(23456)
    const [open] = peer.heard()
    expect(open).to.include({ kind: 'open', asn: WIDE })
  })

  it('of a peer may have four bytes, too', () => {
    bench
      .peer({ asn: WIDE + 1 })
      .establish()
      .announce('10.1.0.0/16')
    bench.clock.settle()
    const [path] = [...bench.speaker.routes()]
    expect(path?.asPath).to.deep.equal([{ kind: 'sequence', asns: [WIDE + 1] }])
  })

  it('for a peer of two bytes are AS_TRANS in AS_PATH, with the whole path in AS4_PATH (4.2.2)', () => {
    bench.speaker.announce({ prefix: '10.9.0.0/16' })
    const old = bench.raw({ address: '10.0.0.3', asn: 65003 })
    bench.speaker.addPeer({ address: '10.0.0.3', asn: 65003, families: FAMILIES, passive: true })
    old.connect().send(oldOpen(65003, 3), { kind: 'keepalive' })
    const update = old.raw().find((bytes) => bytes[18] === 2)
    const hex = Buffer.from(update!).toString('hex')
    expect(hex).to.include('400204' + '0201' + '5ba0')
    expect(hex).to.include('c01106' + '0201' + 'fa56ea01')
    expect(bench.speaker.peers().at(-1)?.state).to.equal('established')
  })

  it('of which two bytes are enough need no AS4_PATH', async () => {
    await bench.close()
    bench = await Bench.started({ asn: 64512 })
    bench.speaker.announce({ prefix: '10.9.0.0/16' })
    const old = bench.raw({ address: '10.0.0.3', asn: 65003 })
    bench.speaker.addPeer({ address: '10.0.0.3', asn: 65003, families: FAMILIES, passive: true })
    old.connect().send(oldOpen(65003, 3), { kind: 'keepalive' })
    const hex = Buffer.from(old.raw().find((bytes) => bytes[18] === 2)!).toString('hex')
    expect(hex).to.include('400204' + '0201' + 'fc00')
    expect(hex).not.to.include('c011')
  })

  it('may be any but ours, or ours only: `external` and `internal`', () => {
    for (const [last, asn, theirs, state] of [
      [4, 'external', 65004, 'established'],
      [5, 'external', WIDE, 'active'],
      [6, 'internal', WIDE, 'established'],
      [7, 'internal', 65007, 'active'],
    ] as const) {
      const raw = bench.peer({ address: `10.0.0.${last}`, asn: theirs }, { asn }).establish()
      expect([last, bench.speaker.peers().at(-1)?.state]).to.deep.equal([last, state])
      expect(raw.names().includes('notification 2/2')).to.equal(state === 'active')
    }
  })
})
