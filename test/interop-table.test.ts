/** The speaker's README says what is tested, and no more. */
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { README, withTable } from './interop/table.ts'

describe('the interoperability table of the speaker', () => {
  it('is that of the tests (`node test/interop/table.ts` writes it)', () => {
    const readme = readFileSync(README, 'utf8')
    expect(readme).to.equal(withTable(readme))
  })
})
