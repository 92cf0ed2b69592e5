import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { NamedTimers } from './timers.ts'

describe('named timers', () => {
  it('let a later call take the place of an earlier one of its name', async () => {
    const clock = new ManualClock()
    const timers = new NamedTimers(clock)
    const done: string[] = []
    timers.after('a', 10, () => done.push('a first'))
    timers.after('b', 10, () => done.push('b'))
    timers.after('a', 20, () => done.push('a second'))
    await clock.advance(15)
    expect(done).to.deep.equal(['b'])
    await clock.advance(10)
    expect(done).to.deep.equal(['b', 'a second'])
  })

  it('may be set again from their own action, and not after the end', async () => {
    const clock = new ManualClock()
    const timers = new NamedTimers(clock)
    let rounds = 0
    const again = () => {
      rounds++
      timers.after('round', 10, again)
    }
    again()
    await clock.advance(10)
    await clock.advance(10)
    expect(rounds).to.equal(3)
    timers[Symbol.dispose]()
    again()
    await clock.advance(100)
    expect(rounds).to.equal(4)
  })
})
