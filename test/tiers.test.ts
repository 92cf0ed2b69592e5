import { globSync } from 'node:fs'
import { matchesGlob } from 'node:path'
import { expect } from 'chai'
import { TIERS } from './tiers.ts'

const IGNORED = /(^|\/)(node_modules|dist|\.build)\//

describe('the test tiers', () => {
  const files = globSync('**/*.test.ts', { exclude: (path) => IGNORED.test(`${path}/`) })

  it('have every test file in one at least', () => {
    expect(files.length).to.be.greaterThan(300)
    const patterns = TIERS.flatMap((tier) => tier.files)
    expect(files.filter((file) => !patterns.some((pattern) => matchesGlob(file, pattern)))).to.deep.equal([])
  })

  it('have files, each', () => {
    const empty = TIERS.filter((tier) => tier.files.every((pattern) => globSync(pattern).length === 0))
    expect(empty.map(({ name }) => name)).to.deep.equal([])
  })
})
