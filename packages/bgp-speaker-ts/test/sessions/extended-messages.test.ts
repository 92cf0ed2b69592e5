// Extended messages of up to 65,535 bytes (RFC 8654).
import { expect } from 'chai'
import type { Capability } from '../../packet/capabilities.ts'
import { Bench } from '../../testing/bench.ts'

const LONG: readonly Capability[] = [{ kind: 'extended-message' }]
/** 1,200 communities take 4,800 bytes. */
const COMMUNITIES = Array.from({ length: 1200 }, (_, i) => 0xfc000000 + i)

describe('extended messages (RFC 8654)', () => {
  let bench: Bench

  beforeEach(async () => {
    bench = await Bench.started()
  })
  afterEach(() => bench.close())

  it('are taken from a peer that takes them, and passed on to another one', () => {
    const peer = bench.peer({ capabilities: LONG }).establish()
    const other = bench.peer({ address: '10.0.0.3', asn: 64514, capabilities: LONG }).establish()
    const short = bench.peer({ address: '10.0.0.4', asn: 64515 }).establish()
    for (const raw of [other, short]) raw.heard()
    peer.announceWith({ communities: COMMUNITIES }, '10.1.0.0/16')
    const [update] = other.heard()
    expect(update?.kind === 'update' && update.attributes.communities).to.have.length(1200)
    // Section 4: what does not fit is not announced; nothing was, so nothing is withdrawn for good.
    expect(short.names().filter((text) => text.includes('+'))).to.deep.equal([])
  })

  it('are a bad length without the capability on both sides: 1/2', () => {
    const peer = bench.peer().establish()
    peer.heard()
    peer.announceWith({ communities: COMMUNITIES }, '10.1.0.0/16')
    expect(peer.names()).to.deep.equal(['notification 1/2'])
  })

  it('are never OPEN or KEEPALIVE (section 4)', () => {
    const peer = bench.raw({ address: '10.0.0.9', asn: 64599, capabilities: LONG })
    bench.speaker.addPeer({ address: '10.0.0.9', asn: 64599, families: ['ipv4-unicast'], passive: true })
    const long = { kind: 'unknown' as const, code: 200, value: new Uint8Array(250) }
    peer.connect().send(peer.open([...LONG, ...new Array<Capability>(20).fill(long)]))
    expect(peer.names()).to.include('notification 1/2')
  })

  it('carry many prefixes at once', () => {
    const reader = bench.peer({ capabilities: LONG }).establish()
    reader.heard()
    for (let i = 0; i < 2000; i++) bench.speaker.announce({ prefix: `10.${i >> 8}.${i & 255}.0/24` })
    const updates = reader.heard().flatMap((message) => (message.kind === 'update' ? [message] : []))
    expect(updates).to.have.length(1)
    expect(updates[0]?.nlri).to.have.length(2000)
  })
})
