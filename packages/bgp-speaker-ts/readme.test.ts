// The files and tests in the README's table of RFCs exist.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'

const HERE = import.meta.dirname
const rows = readFileSync(join(HERE, 'README.md'), 'utf8')
  .split('\n## ')
  .find((section) => section.startsWith('What it does'))!
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| What') && !line.startsWith('| --'))
  .map((line) => line.split('|').map((cell) => cell.trim()))

describe('the README', () => {
  it('has a row for each feature', () => {
    expect(rows).to.have.length.above(20)
  })

  for (const [, what = '', , where = '', tests = ''] of rows) {
    it(`names files and tests that are there: ${what}`, () => {
      const files = [...where.split(', '), ...tests.split(', ').map((name) => `${name}.test.ts`)]
      expect(files.filter((file) => !existsSync(join(HERE, file)))).to.deep.equal([])
    })
  }
})
