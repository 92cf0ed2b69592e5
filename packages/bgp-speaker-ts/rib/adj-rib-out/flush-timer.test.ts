import { expect } from 'chai'
import { FakeClock } from '../../testing/fake-clock.ts'
import { FlushTimer } from './flush-timer.ts'

/** A timer whose flushes take `cost` milliseconds and write to more peers than there are prefixes when `wide`. */
function started(cost: number, wide: boolean) {
  const clock = new FakeClock()
  const flushes: number[] = []
  const rounds = { more: 0 }
  let spent = 0
  const timer = new FlushTimer({ ...bound(clock), now: () => clock.now() + spent }, () => {
    flushes.push(clock.now())
    spent += cost
    return { more: rounds.more-- > 0, wide }
  })
  return { clock, timer, flushes, rounds }
}

function bound(clock: FakeClock) {
  return {
    after: (delay: number, run: () => void) => clock.after(delay, run),
    soon: (run: () => void) => clock.soon(run),
  }
}

describe('when the tables are flushed', () => {
  it('once for all that changed in a turn', () => {
    const { clock, timer, flushes } = started(0, true)
    timer.schedule()
    timer.schedule()
    clock.settle()
    expect(flushes).to.have.length(1)
  })

  it('at once after a flush of many prefixes to few peers', () => {
    const { clock, timer, flushes } = started(20, false)
    timer.schedule()
    clock.settle()
    timer.schedule()
    clock.settle()
    expect(flushes).to.have.length(2)
  })

  it('after a rest as long as a flush of few prefixes to many peers took', () => {
    const { clock, timer, flushes } = started(20, true)
    timer.schedule()
    clock.settle()
    timer.schedule()
    clock.advance(19)
    expect(flushes).to.have.length(1)
    clock.advance(1)
    expect(flushes).to.have.length(2)
  })

  it('a moment after the first change, where many peers were told of few prefixes the last time', () => {
    const { clock, timer, flushes } = started(12, true)
    timer.schedule()
    clock.settle()
    clock.advance(1000)
    timer.schedule()
    clock.advance(5)
    timer.schedule()
    expect(flushes).to.have.length(1)
    clock.advance(1)
    expect(flushes).to.have.length(2)
  })

  it('a tenth of a second after the last one at the latest', () => {
    const { clock, timer, flushes } = started(5000, true)
    timer.schedule()
    clock.settle()
    timer.schedule()
    clock.advance(100)
    expect(flushes).to.have.length(2)
  })

  it('without a rest where one goes on with what another left', () => {
    const { clock, timer, flushes, rounds } = started(20, true)
    rounds.more = 3
    timer.schedule()
    clock.settle()
    expect(flushes).to.have.length(4)
  })

  it('without a rest when a connection has room again', () => {
    const { clock, timer, flushes } = started(20, true)
    timer.schedule()
    clock.settle()
    timer.schedule()
    timer.hurry()
    clock.settle()
    expect(flushes).to.have.length(2)
  })

  it('not any more when it is closed', () => {
    const { clock, timer, flushes } = started(0, false)
    timer.schedule()
    timer.close()
    timer.hurry()
    clock.settle()
    expect(flushes).to.have.length(0)
  })
})
