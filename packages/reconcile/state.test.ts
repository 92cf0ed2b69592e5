import { expect } from 'chai'
import { State } from './state.ts'

/** Letters that differ in case only are equal. */
const equal = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()

function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return state / 2 ** 32
  }
}

describe('the state of a table', () => {
  it('remembers what is acknowledged while something else is wanted', () => {
    const state = new State<string, string>(equal)
    state.want('k', 'a')
    expect(state.acknowledged('k')).to.equal(undefined)
    state.acknowledge('k', 'a')
    state.want('k', 'b')
    expect(state.acknowledged('k')).to.equal('a')
    state.unwant('k')
    expect(state.acknowledged('k')).to.equal('a')
    expect(state.unwanted()).to.deep.equal([['k', 'a']])
  })

  it('says what two plain maps would, whatever happens', () => {
    const seed = Number(process.env.SEED ?? 7)
    const random = seeded(seed)
    const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)]!
    const state = new State<string, string>(equal)
    const desired = new Map<string, string>()
    const acknowledged = new Map<string, string>()
    for (let step = 0; step < 5000; step++) {
      const key = pick(['k', 'l', 'm'])
      const value = pick(['a', 'b', 'c'])
      const put = (map: Map<string, string>) => map.set(key, value)
      const actions = [
        () => [state.want(key, value), put(desired)],
        () => [state.unwant(key), desired.delete(key)],
        () => [state.acknowledge(key, value), put(acknowledged)],
        () => [state.acknowledge(key, undefined), acknowledged.delete(key)],
      ]
      pick(actions)()
      const where = `SEED=${seed}, step ${step}`
      expect([...state.desired].sort(), where).to.deep.equal([...desired].sort())
      for (const each of ['k', 'l', 'm'])
        expect(state.acknowledged(each), where).to.equal(acknowledged.get(each))
      expect([...state.acknowledgedKeys()].sort(), where).to.deep.equal([...acknowledged.keys()].sort())
      expect(state.acknowledgedSize, where).to.equal(acknowledged.size)
      const unwanted = [...acknowledged].filter(([each]) => !desired.has(each))
      expect(state.unwanted().sort(), where).to.deep.equal(unwanted.sort())
    }
  })
})
