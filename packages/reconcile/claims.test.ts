import { expect } from 'chai'
import { type Claim, type ClaimRule, Claims } from './claims.ts'
import { pick, seeded, testSeed } from './testing/random.ts'

interface Wish {
  readonly age: number
  readonly text: string
}

const older: ClaimRule<string, Wish> = {
  precedes: (a, b) => a.value.age - b.value.age || (a.owner < b.owner ? -1 : 1),
  equal: (a, b) => a.text === b.text,
}

function make(rule: ClaimRule<string, Wish> = older) {
  const held = new Map<string, string>()
  const calls: string[] = []
  const sink = {
    set(key: string, { text }: Wish, previous: Wish | undefined) {
      expect(held.get(key), 'previous').to.equal(previous?.text)
      held.set(key, text)
      calls.push(`set ${key} ${text}`)
    },
    delete(key: string, previous: Wish) {
      expect(held.get(key), 'previous').to.equal(previous.text)
      held.delete(key)
      calls.push(`delete ${key}`)
    },
  }
  return { claims: new Claims<string, string, Wish>(sink, rule), held, calls }
}

const wish = (text: string, age = 0): Wish => ({ text, age })

describe('Claims', () => {
  it('gives a key to the best claim, and to the next one when that goes', () => {
    const { claims, held } = make()
    claims.replace('young', [['vip', wish('of young', 2)]])
    claims.replace('old', [['vip', wish('of old', 1)]])
    expect(held.get('vip')).to.equal('of old')
    expect(claims.lost('young')).to.deep.equal(['vip'])
    claims.remove('old')
    expect(held.get('vip')).to.equal('of young')
    expect(claims.lost('young')).to.deep.equal([])
    claims.remove('young')
    expect([...held]).to.deep.equal([])
    expect(claims.size).to.equal(0)
  })

  it('tells the sink nothing when a loser comes, changes or goes', () => {
    const { claims, calls } = make()
    claims.replace('old', [['vip', wish('of old', 1)]])
    calls.length = 0
    claims.replace('young', [['vip', wish('a', 2)]])
    claims.replace('young', [['vip', wish('b', 2)]])
    claims.remove('young')
    expect(calls).to.deep.equal([])
  })

  it('tells the sink nothing when the next holder wants the same', () => {
    const { claims, calls } = make()
    claims.replace('a', [['element', wish('same', 1)]])
    claims.replace('b', [['element', wish('same', 2)]])
    calls.length = 0
    claims.remove('a')
    expect(calls).to.deep.equal([])
    expect(claims.winner('element')?.owner).to.equal('b')
  })

  it('adds what is new before it lets go of what is not wanted', () => {
    const { claims, calls } = make()
    claims.replace('a', [['one', wish('x')]])
    calls.length = 0
    claims.replace('a', [['two', wish('y')]])
    expect(calls).to.deep.equal(['set two y', 'delete one'])
  })

  it('lets a winner lose the key when its own claim gets worse', () => {
    const { claims, held } = make()
    claims.replace('a', [['vip', wish('of a', 1)]])
    claims.replace('b', [['vip', wish('of b', 2)]])
    claims.replace('a', [['vip', wish('of a', 3)]])
    expect(held.get('vip')).to.equal('of b')
    expect(claims.claims('vip').map(({ owner }) => owner)).to.deep.equal(['b', 'a'])
  })

  it('says from whom to whom a key passes, and nothing of one that nobody else wants', () => {
    const passed: string[] = []
    const claims = new Claims<string, string, Wish>(
      { set() {}, delete() {}, passed: (key, from, to) => passed.push(`${key} ${from} > ${to}`) },
      older,
    )
    claims.replace('b', [['vip', wish('same', 2)]])
    claims.replace('c', [['vip', wish('same', 3)]])
    expect(passed).to.deep.equal([])
    claims.replace('a', [['vip', wish('same', 1)]])
    claims.remove('a')
    claims.remove('b')
    claims.remove('c')
    expect(passed).to.deep.equal(['vip b > a', 'vip a > b', 'vip b > c'])
  })

  it('prefers the lower owner by default', () => {
    const { claims, held } = make({})
    claims.replace('b', [['k', wish('of b')]])
    claims.replace('a', [['k', wish('of a')]])
    expect(held.get('k')).to.equal('of a')
  })

  it('ends, after any sequence, where the last claims of each owner lead', () => {
    const seed = testSeed()
    const random = seeded(seed)
    for (let round = 0; round < 200; round++) {
      const { claims, held } = make()
      const last = new Map<string, Map<string, Wish>>()
      for (let step = 0; step < 40; step++) {
        const owner = pick(random, ['a', 'b', 'c', 'd'])
        const keys = ['k1', 'k2', 'k3'].filter(() => random() < 0.5)
        const entries = new Map(keys.map((key) => [key, wish(`${owner} ${step}`, Math.floor(random() * 3))]))
        claims.replace(owner, entries)
        last.set(owner, entries)
      }
      expect(Object.fromEntries(held), `SEED=${seed}`).to.deep.equal(expected(last))
    }
  })

  function expected(last: ReadonlyMap<string, ReadonlyMap<string, Wish>>): Record<string, string> {
    const best = new Map<string, Claim<string, Wish>>()
    for (const [owner, wishes] of last) {
      for (const [key, value] of wishes) {
        const claim = { owner, value }
        const known = best.get(key)
        if (!known || older.precedes!(claim, known) < 0) best.set(key, claim)
      }
    }
    return Object.fromEntries([...best].map(([key, { value }]) => [key, value.text]))
  }
})
