import { expect } from 'chai'
import { turnClock } from './turn-clock.ts'

describe('a clock that is read once in each turn', () => {
  it('tells one time while nothing else can run, and goes on behind that', async () => {
    let reads = 0
    const clock = turnClock({ now: () => ++reads, after: () => ({ [Symbol.dispose]() {} }) })
    expect([clock.now(), clock.now(), clock.now()]).to.deep.equal([1, 1, 1])
    await undefined
    expect([clock.now(), clock.now()]).to.deep.equal([2, 2])
  })
})
