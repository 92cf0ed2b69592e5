import { expect } from 'chai'
import { Deadlines } from './deadlines.ts'
import { seeded, testSeed } from './testing/random.ts'

describe('deadlines', () => {
  it('give out who is due, the earliest first, and keep the others', () => {
    const deadlines = new Deadlines<string>()
    for (const [item, at] of [
      ['c', 30],
      ['a', 10],
      ['b', 20],
    ] as const)
      deadlines.set(item, at)
    expect(deadlines.next()).to.equal(10)
    expect([deadlines.take(20), deadlines.take(20), deadlines.take(20)]).to.deep.equal(['a', 'b', undefined])
    expect(deadlines.next()).to.equal(30)
  })

  it('move the deadline of an item, and forget it at infinity', () => {
    const deadlines = new Deadlines<string>()
    deadlines.set('a', 10)
    deadlines.set('b', 20)
    deadlines.set('a', 30)
    expect(deadlines.next()).to.equal(20)
    deadlines.set('b', Number.POSITIVE_INFINITY)
    expect(deadlines.next()).to.equal(30)
    deadlines.delete('a')
    expect(deadlines.next()).to.equal(Number.POSITIVE_INFINITY)
  })

  const seed = testSeed()
  it(`agree with a sorted list (SEED=${seed})`, () => {
    const random = seeded(seed)
    const deadlines = new Deadlines<number>()
    const model = new Map<number, number>()
    for (let run = 0; run < 20_000; run++) {
      const item = Math.floor(random() * 50)
      if (random() < 0.6) {
        const at = Math.floor(random() * 1000)
        deadlines.set(item, at)
        model.set(item, at)
      } else if (random() < 0.5) {
        deadlines.delete(item)
        model.delete(item)
      } else {
        const earliest = Math.min(...model.values())
        const taken = deadlines.take(earliest)
        expect(taken === undefined).to.equal(model.size === 0)
        if (taken !== undefined) expect(model.get(taken)).to.equal(earliest)
        model.delete(taken ?? -1)
      }
      expect(deadlines.next()).to.equal(Math.min(...model.values()))
    }
  })
})
