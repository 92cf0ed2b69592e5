// Mutated messages into running sessions, seeded: the speaker goes on, other peers keep their sessions, and nothing is left of what was torn down.
import { expect } from 'chai'
import { fromHex } from './packet/attributes.ts'
import { encodeMessage } from './packet/message.ts'
import { VECTORS } from './packet/vectors.ts'
import { Bench } from './testing/bench.ts'
import { mutate } from './testing/mutate.ts'
import { Random } from './testing/random.ts'

const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 0xffffffff))
const MILLISECONDS = Number(process.env.FUZZ_MS ?? 1500)
/** What a fault of our own ends a session with. */
const OUR_FAULT = 'Cease/Out of Resources'

describe(`fuzzing sessions with FUZZ_SEED=${SEED}`, function () {
  this.timeout(MILLISECONDS * 3 + 20_000)

  it('ends sessions by the NOTIFICATIONs of the RFCs, never by a fault of ours, and leaves no route behind', async () => {
    const random = new Random(SEED)
    const messages = VECTORS.map(({ hex }) => fromHex(hex)).filter((bytes) => bytes[18] !== 1)
    const bench = await Bench.started({ multipath: 4 })
    const gracefulRestart = { time: 10, forwarding: true }
    const bad = bench.peer(
      {},
      { gracefulRestart, addPathReceive: true, maxPrefixes: 50, extendedNextHop: true },
    )
    const good = bench.peer({ address: '10.0.0.3', asn: 64514 }).establish().announce('10.200.0.0/16')
    const keepalive = encodeMessage({ kind: 'keepalive' })
    const end = performance.now() + MILLISECONDS
    let sent = 0
    while (performance.now() < end) {
      if (bad.closed || sent === 0) bad.establish()
      for (let i = 0; i < 20; i++, sent++) bad.send(mutate(random.pick(messages), random))
      bad.heard()
      good.send(keepalive).heard()
      bench.clock.advance(random.below(8) === 0 ? 61_000 : 1000)
      good.send(keepalive)
      const down = bench.speaker.peers()[0]?.lastDown
      expect(down !== undefined && 'text' in down ? down.text : '').to.not.include(OUR_FAULT)
    }
    expect(sent).to.be.greaterThan(500)
    expect(bench.speaker.peers()[1]).to.deep.include({ state: 'established' })
    expect(bench.speaker.peers()[1]?.counters.established).to.equal(1)
    bad.crash()
    for (let i = 0; i < 10; i++) {
      bench.clock.advance(10_000)
      good.send(keepalive)
    }
    expect(bench.prefixes()).to.deep.equal(['10.200.0.0/16'])
    await bench.close()
  })
})
