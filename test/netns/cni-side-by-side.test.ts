import { expect } from 'chai'
import { CASES } from './cni-cases.ts'
import { describeSideBySide } from './cni-side-by-side.ts'

describe('CNI plugins side by side with the reference plugins', () => {
  it('compares at least 60 configurations', () => {
    expect(CASES.length).to.be.at.least(60)
    expect(new Set(CASES.map((c) => `${c.plugin} ${c.name} ${c.fails}`)).size).to.equal(CASES.length)
  })

  describeSideBySide(CASES)
})
