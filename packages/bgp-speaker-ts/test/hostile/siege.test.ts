// Rounds of all kinds of hostile peers over real TCP: memory does not grow, and a good peer with the shortest hold time keeps its session.
import { expect } from 'chai'
import { fromHex } from '../../packet/attributes.ts'
import { encodeMessage, type Message } from '../../packet/message.ts'
import { Speaker } from '../../speaker.ts'
import { heapInUse } from '../../testing/heap.ts'
import { RawTcp } from '../../testing/raw-tcp.ts'

const HERE = '127.0.3.1'
const GOOD = '127.0.3.2'
const BAD = '127.0.3.3'
const STRANGER = '127.0.3.99'
/** The shortest hold time of RFC 4271: the session ends when we are silent for three seconds. */
const HOLD_TIME = 3
/** Bytes that a round may leave behind, when the first has filled what is kept on purpose. */
const GROWTH = 2 << 20
/** Bytes that a siege may hold while it lasts: of 40 MB that are to be sent, the queue takes four. */
const PEAK = 16 << 20

const MARKER = 'ff'.repeat(16)
const families = ['ipv4-unicast'] as const
const OPEN: Message = {
  kind: 'open',
  asn: 64513,
  holdTime: 90,
  routerId: 7,
  capabilities: [
    { kind: 'multiprotocol', afi: 1, safi: 1 },
    { kind: 'four-octet-as', asn: 64513 },
    { kind: 'extended-message' },
  ],
}
const many = (count: number) => Array.from({ length: count }, (_, i) => i)
const prefix = (i: number) => `20.${i >> 8}.${i & 255}.0/24`

function update(i: number, more: object = {}): Message {
  return {
    kind: 'update',
    withdrawn: [],
    attributes: {
      origin: 'igp',
      asPath: [{ kind: 'sequence', asns: [64513] }],
      nextHop: BAD,
      ...more,
    },
    nlri: [{ prefix: prefix(i) }],
  }
}

/** The UPDATE with an attribute a hundred times over. */
function repeated(i: number): Uint8Array {
  const bytes = encodeMessage(update(i))
  const extra = fromHex('c00804 fc000001'.repeat(100))
  const attributesAt = 19 + 2
  const length = bytes[attributesAt]! * 256 + bytes[attributesAt + 1]!
  const end = attributesAt + 2 + length
  const whole = Uint8Array.from([...bytes.subarray(0, end), ...extra, ...bytes.subarray(end)])
  new DataView(whole.buffer).setUint16(16, whole.length)
  new DataView(whole.buffer).setUint16(attributesAt, length + extra.length)
  return whole
}

describe('a siege', function () {
  this.timeout(60_000)
  let speaker: Speaker
  let good: Speaker
  let port: number

  const dial = (from = BAD) => new RawTcp(HERE, port, from)
  const session = async () => {
    const raw = dial()
    raw.send(OPEN, { kind: 'keepalive' })
    await raw.until(() => raw.closed || raw.messages.some(({ kind }) => kind === 'keepalive'))
    return raw
  }
  const gone = (raw: RawTcp) => raw.until(() => raw.closed)
  const updatesHeard = () => speaker.peers().find(({ address }) => address === BAD)!.counters.updatesReceived
  /** All that is sent has been read. */
  const heard = async (count: number) => {
    while (updatesHeard() < count) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const leave = async (raw: RawTcp) => {
    raw.socket.destroy()
    await gone(raw)
  }

  /** Bytes in use while a siege lasted, at the most. */
  let peak = 0
  const hold = async (raw: RawTcp) => {
    peak = Math.max(peak, heapInUse())
    await leave(raw)
  }

  const sieges: Readonly<Record<string, () => Promise<void>>> = {
    async 'wrong markers'() {
      for (const _ of many(20)) {
        const raw = dial()
        raw.send(new Uint8Array(4096).fill(7))
        await gone(raw)
      }
    },
    async 'absurd lengths'() {
      for (const length of ['0000', '0012', '1001', 'ffff']) {
        const raw = dial()
        raw.send(fromHex(`${MARKER}${length}02`))
        await gone(raw)
      }
      // Long ones are none in a session with extended messages.
      for (const length of ['0000', '0012']) {
        const raw = await session()
        raw.send(fromHex(`${MARKER}${length}02`))
        await gone(raw)
      }
    },
    async 'attribute loops'() {
      const raw = await session()
      const before = updatesHeard()
      for (const i of many(100))
        raw.send(
          update(i, { asPath: [{ kind: 'sequence', asns: [64513, 64512] }] }),
          update(i, { asPath: many(15).map(() => ({ kind: 'sequence', asns: many(255).map(() => 64513) })) }),
          repeated(i),
        )
      await heard(before + 300)
      await leave(raw)
    },
    async '4,000 communities'() {
      const raw = await session()
      const before = updatesHeard()
      for (const i of many(50))
        raw.send(update(i, { communities: many(4000).map((value) => value * 65536 + i) }))
      await heard(before + 50)
      await hold(raw)
    },
    async 'a slow reader'() {
      const raw = await session()
      for (const i of many(500)) {
        speaker.announce({ prefix: prefix(i), communities: many(100).map((tag) => `${i}:${tag}`) })
        raw.socket.pause()
        if (i % 50 === 0) {
          await new Promise((resolve) => setTimeout(resolve, 2))
          raw.socket.resume()
        }
      }
      await leave(raw)
    },
    async 'a reader that never reads'() {
      const raw = await session()
      raw.socket.pause()
      for (const med of many(20)) {
        for (const i of many(500))
          speaker.announce({ prefix: prefix(i), med, communities: many(100).map((tag) => `${i}:${tag}`) })
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await hold(raw)
      for (const i of many(500)) speaker.withdraw(prefix(i))
    },
    async 'a thousand connections'() {
      const raws = many(1000).map((i) => dial(i % 2 === 0 ? BAD : STRANGER))
      await Promise.all(raws.filter((_, i) => i % 2 === 1).map(gone))
      for (const raw of raws) raw.socket.destroy()
      await Promise.all(raws.map(gone))
    },
    async flaps() {
      for (const round of many(20)) {
        const raw = await session()
        raw.send(...many(50).map((i) => update(i + round)))
        await leave(raw)
      }
    },
  }

  before(async () => {
    speaker = new Speaker({ asn: 64512, routerId: HERE, listen: { addresses: [HERE], port: 0 } })
    const peer = { asn: 64513, families, passive: true }
    speaker.addPeer({ ...peer, address: BAD })
    speaker.addPeer({ ...peer, address: GOOD, asn: 64514, holdTime: HOLD_TIME })
    await speaker.start()
    port = speaker.listening()[0]!.port
    good = new Speaker({ asn: 64514, routerId: GOOD })
    good.addPeer({ address: HERE, port, localAddress: GOOD, asn: 64512, families, holdTime: HOLD_TIME })
    good.announce({ prefix: '10.200.0.0/16' })
    const established = new Promise<void>((resolve) => {
      good.on('peer', ({ kind }) => {
        if (kind === 'established') resolve()
      })
    })
    await good.start()
    await established
  })
  after(async () => {
    await speaker.close()
    await good.close()
  })

  const inUse: number[] = []
  for (const [name, lay] of Object.entries(sieges))
    it(`of ${name} is over, and the good peer did not notice`, async () => {
      const before = heapInUse()
      await lay()
      expect(peak - before, 'bytes while it lasted').to.be.below(PEAK)
      const { state, counters } = speaker.peers().find(({ address }) => address === GOOD)!
      expect(state).to.equal('established')
      expect(counters.established).to.equal(1)
      expect(good.peers()[0]?.counters.established).to.equal(1)
    })

  it('leaves no memory behind', async () => {
    for (let round = 0; round < 2; round++) {
      for (const lay of Object.values(sieges)) await lay()
      inUse.push(heapInUse())
    }
    expect(inUse[1]! - inUse[0]!).to.be.below(GROWTH)
    // The speaker sees the end of the last connection later than the peer that closed it.
    const routes = () => [...speaker.routes()].map((route) => route.prefix)
    for (let i = 0; i < 200 && routes().length > 1; i++)
      await new Promise((resolve) => setTimeout(resolve, 10))
    expect(routes()).to.deep.equal(['10.200.0.0/16'])
  })
})
