import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { Pending } from './pending.ts'

describe('what waits', () => {
  it('is late after a minute, also when a flush has taken it and does not end', async () => {
    const clock = new ManualClock()
    const pending = new Pending(clock)
    expect([pending.oldest(undefined), pending.isLate(undefined)]).to.deep.equal([undefined, false])
    const start = clock.now()
    pending.added()
    await clock.advance(30_000)
    pending.added()
    pending.taken()
    pending.added()
    expect(pending.oldest(undefined)).to.equal(start)
    await clock.advance(29_000)
    expect(pending.isLate(undefined)).to.equal(false)
    await clock.advance(1000)
    expect(pending.isLate(undefined)).to.equal(true)
    pending.done()
    expect([pending.oldest(undefined), pending.isLate(undefined)]).to.deep.equal([start + 30_000, false])
    pending.taken()
    pending.done()
    expect(pending.oldest(undefined)).to.equal(undefined)
  })

  it('is as old as what the tables could not send', async () => {
    const clock = new ManualClock()
    const pending = new Pending(clock)
    const since = clock.now()
    await clock.advance(61_000)
    pending.added()
    expect([pending.oldest(since), pending.isLate(since)]).to.deep.equal([since, true])
  })
})
