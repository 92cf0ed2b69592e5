import { expect } from 'chai'
import { AuditQueue } from './audit-queue.ts'

describe('audits of what somebody changed', () => {
  it('happen again for a change that comes while one is under way, and once for many', async () => {
    const audits = new AuditQueue()
    const ends: (() => void)[] = []
    const audit = () => new Promise<void>((resolve) => ends.push(resolve))
    const rules = { audit }
    audits.ask(rules)
    audits.ask(rules)
    audits.ask(rules)
    expect(ends).to.have.length(1)
    ends[0]!()
    await new Promise(setImmediate)
    expect(ends).to.have.length(2)
    ends[1]!()
    await audits.settled
    expect(ends).to.have.length(2)
  })

  it('go on after one that failed', async () => {
    const audits = new AuditQueue()
    let calls = 0
    const rules = { audit: () => (++calls === 1 ? Promise.reject(new Error('EINTR')) : Promise.resolve()) }
    audits.ask(rules)
    audits.ask(rules)
    await audits.settled
    audits.ask(rules)
    await audits.settled
    expect(calls).to.equal(3)
  })
})
