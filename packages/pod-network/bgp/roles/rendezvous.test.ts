import { expect } from 'chai'
import { type Candidate, choose } from './rendezvous.ts'

const SEED = 20261130
/** Park-Miller: numbers in [0, most). */
function randomOf(seed: number): (most: number) => number {
  let state = seed
  return (most) => {
    state = (state * 48271) % 2147483647
    return state % most
  }
}

describe(`rendezvous hashing (seed ${SEED})`, () => {
  const random = randomOf(SEED)
  const candidates = (count: number, zones: number): Candidate[] =>
    Array.from({ length: count }, (_, i) => ({
      name: `node-${i}`,
      zone: zones === 0 ? '' : `zone-${random(zones)}`,
      last: random(10) === 0,
    }))
  const without = (all: readonly Candidate[], name: string) => all.filter((each) => each.name !== name)
  const left = (before: readonly string[], after: readonly string[]) =>
    before.filter((name) => !after.includes(name))

  it('chooses the same ones in whatever order they are told', () => {
    for (let round = 0; round < 50; round++) {
      const all = candidates(3 + random(100), random(4))
      const shuffled = [...all].sort(() => random(3) - 1)
      expect(choose(shuffled, 5, 'seed')).to.deep.equal(choose(all, 5, 'seed'))
    }
  })

  it('moves nothing for one that it has not chosen, and lets one other in for one that it has', () => {
    for (let round = 0; round < 200; round++) {
      const all = candidates(2 + random(60), random(5))
      const count = 1 + random(8)
      const before = choose(all, count, 'seed')
      const gone = all[random(all.length)]!.name
      const after = choose(without(all, gone), count, 'seed')
      expect(left(before, after)).to.deep.equal(before.includes(gone) ? [gone] : [])
    }
  })

  it('moves at most one for one that may not reflect any more, or moves to another zone', () => {
    for (let round = 0; round < 200; round++) {
      const all = candidates(10 + random(60), 3)
      const changed = random(all.length)
      const other = all.map((each, i) => {
        if (i !== changed) return each
        return random(2) === 0 ? { ...each, last: !each.last } : { ...each, zone: 'zone-0' }
      })
      const before = choose(all, 5, 'seed')
      // The one that changed may come or go, and for a zone that it empties or fills another one.
      expect(left(before, choose(other, 5, 'seed')).length).to.be.at.most(2)
    }
  })

  it('spreads over zones as evenly as these allow', () => {
    for (let round = 0; round < 100; round++) {
      const all = candidates(60, 3).map((each) => ({ ...each, last: false }))
      const chosen = choose(all, 6, `seed-${round}`)
      const zones = chosen.map((name) => all.find((each) => each.name === name)!.zone)
      for (const zone of ['zone-0', 'zone-1', 'zone-2'])
        expect(zones.filter((each) => each === zone)).to.have.lengthOf(2)
    }
  })

  it('takes those that should not be taken only where others are not enough', () => {
    const all = candidates(10, 2).map((each, i) => ({ ...each, last: i >= 2 }))
    const chosen = choose(all, 3, 'seed')
    expect(chosen.slice(0, 2).sort()).to.deep.equal(['node-0', 'node-1'])
    expect(chosen).to.have.lengthOf(3)
  })

  it('gives each of the chosen its share of those that choose', () => {
    const all = candidates(10, 0).map((each) => ({ ...each, last: false }))
    const load = new Map<string, number>()
    for (let i = 0; i < 1000; i++)
      for (const name of choose(all, 3, `client-${i}`)) load.set(name, (load.get(name) ?? 0) + 1)
    for (const [name, sessions] of load) expect(sessions, name).to.be.within(240, 360)
  })
})
