/** Fuzzers, for a moment each; `npm run fuzz` gives them ten minutes. */
import { seeded, testSeed } from '@podroute/reconcile/testing/random.ts'
import { expect } from 'chai'
import { bytesOf, hexOf, mutateBytes, smallerBytes } from './fuzz/bytes.ts'
import { type FuzzTarget, fuzz } from './fuzz/engine.ts'
import { fault } from './fuzz/fault.ts'
import { type Json, mutateJson, smallerJson } from './fuzz/json.ts'
import { TARGETS } from './fuzz/targets.ts'

const SEED = testSeed()
const FEWEST = 100
const MILLISECONDS = Number(process.env.FUZZ_MS ?? 400)

describe(`fuzzing with SEED=${SEED}`, function () {
  this.timeout(MILLISECONDS * 4 + 10_000)

  for (const { name, corpus, run } of TARGETS) {
    it(`${name}: nothing is thrown, and nothing comes out, that must not`, () => {
      const end = performance.now() + MILLISECONDS
      // However slow the machine is.
      let asked = 0
      const isOver = () => ++asked > FEWEST && performance.now() > end
      const { runs, taken, finding } = run(seeded(SEED), isOver)
      if (finding) expect.fail(`${finding.problem}\nput this into test/fuzz/corpus/${name}:\n${finding.text}`)
      expect(corpus().size, 'cases of the corpus').to.be.above(0)
      expect(runs).to.be.at.least(FEWEST)
      // Enough of them get past the door.
      expect(taken).to.be.above(runs / 20)
    })
  }

  it('finds a fault, and makes the case small', () => {
    const target: FuzzTarget<Uint8Array> = {
      ...{ name: 'toy', parse: bytesOf, print: hexOf, mutate: mutateBytes, smaller: smallerBytes },
      seeds: [Uint8Array.from({ length: 32 }, (_, i) => i + 1)],
      run: (bytes) => (bytes.includes(0xff) ? fault('0xff') : true),
    }
    const { finding } = fuzz(target, [], seeded(SEED), () => false)
    expect(finding?.text).to.equal('ff')
    expect(finding?.problem).to.include('fault: 0xff')
  })

  it('makes only what JSON can say, and smaller copies that are smaller', () => {
    const random = seeded(SEED)
    let value: Json = { a: [1, 'x', { b: null }] }
    for (let i = 0; i < 500; i++) {
      const next: Json = mutateJson(value, random, [value, { c: 'd' }])
      expect(JSON.parse(JSON.stringify(next))).to.deep.equal(next)
      value = JSON.stringify(next).length < 2000 ? next : { a: [1, 'x', { b: null }] }
    }
    for (const smaller of smallerJson({ a: [1, { b: 2 }] }))
      expect(JSON.stringify(smaller).length).to.be.below('{"a":[1,{"b":2}]}'.length)
  })
})
