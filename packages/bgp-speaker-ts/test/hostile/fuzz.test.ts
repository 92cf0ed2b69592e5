// Seeded mutated messages into running sessions: the speaker runs on, other peers keep their sessions, no routes of ended sessions remain, and memory does not grow.
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { heapInUse } from '../../testing/heap.ts'
import { Random } from '../../testing/random.ts'
import { type Finding, FuzzedSpeaker, minimized, SAYINGS } from '../../testing/session-fuzzer.ts'

const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 0xffffffff))
const MILLISECONDS = Number(process.env.FUZZ_MS ?? 3000)
/** Bytes that the heap may grow after it has warmed up, however long the run. */
const GROWTH = 2 << 20

describe(`fuzzing sessions with FUZZ_SEED=${SEED}`, function () {
  this.timeout(MILLISECONDS * 3 + 60_000)

  it('ends sessions by the NOTIFICATIONs of the RFCs, never by a fault of ours; leaves no route behind, and no memory', async () => {
    const random = new Random(SEED)
    const speaker = await FuzzedSpeaker.started()
    const run = async (milliseconds: number) => {
      for (const end = performance.now() + milliseconds; performance.now() < end; ) {
        const finding = speaker.round(random, SAYINGS)
        if (finding !== undefined) await report(finding)
        // What the speaker does in promises gets its turn.
        await Promise.resolve()
      }
      return heapInUse()
    }
    const warm = await run(MILLISECONDS / 3)
    const grown = (await run((MILLISECONDS * 2) / 3)) - warm
    expect(speaker.sent).to.be.greaterThan(500)
    expect(speaker.goodIsUnharmed()).to.equal(true)
    expect(grown, `bytes of growth after ${speaker.sent} messages`).to.be.below(GROWTH)
    expect(speaker.left()).to.deep.equal(['10.200.0.0/16'])
    await speaker.close()
  })
})

/** @throws Error that says what happened and where the case is written */
async function report(finding: Finding): Promise<never> {
  const file = join(tmpdir(), `bgp-fuzz-${SEED}.json`)
  writeFileSync(file, JSON.stringify(finding, null, 2))
  const small = await minimized(finding)
  writeFileSync(file, JSON.stringify(small, null, 2))
  throw new Error(
    `FUZZ_SEED=${SEED}: ${small.problem}\n${small.say.length} messages in ${file}; a case for corpus/`,
  )
}
