import { expect } from 'chai'
import { isSteady } from './idle-usage.ts'

describe('the wait for an idle process', () => {
  it('ends when a minute took no less than the one before', () => {
    expect(isSteady([])).to.equal(false)
    expect(isSteady([0.2, 0.2, 0.2, 0.2, 0.2])).to.equal(false)
    expect(isSteady([0.1, 1.2, 0.6, 0.2, 0.2, 0.3])).to.equal(false)
    expect(isSteady([0.1, 1.2, 0.6, 0.2, 0.2, 0.3, 0.1, 0.2, 0.4])).to.equal(true)
  })

  it('lets audits be in any of the windows of a minute', () => {
    for (const audits of [0, 1, 2]) {
      const windows = Array.from({ length: 6 }, (_, i) => (i % 3 === audits ? 0.3 : 0.1))
      expect(isSteady(windows)).to.equal(true)
    }
  })
})
