import { expect } from 'chai'
import { Looks } from './audit-queue.ts'

describe('looks at what somebody changed', () => {
  it('happen again for a change that comes while one is under way, and once for many', async () => {
    const looks = new Looks()
    const ends: (() => void)[] = []
    const audit = () => new Promise<void>((resolve) => ends.push(resolve))
    const rules = { audit }
    looks.ask(rules)
    looks.ask(rules)
    looks.ask(rules)
    expect(ends).to.have.length(1)
    ends[0]!()
    await new Promise(setImmediate)
    expect(ends).to.have.length(2)
    ends[1]!()
    await looks.settled
    expect(ends).to.have.length(2)
  })

  it('go on after one that failed', async () => {
    const looks = new Looks()
    let calls = 0
    const rules = { audit: () => (++calls === 1 ? Promise.reject(new Error('EINTR')) : Promise.resolve()) }
    looks.ask(rules)
    looks.ask(rules)
    await looks.settled
    looks.ask(rules)
    await looks.settled
    expect(calls).to.equal(3)
  })
})
