// Interning of values that sessions share.
import { expect } from 'chai'
import { InternTable } from './interned-values.ts'

describe('what sessions share', () => {
  it('is one value for all that are equal', () => {
    const table = new InternTable<readonly Uint8Array[]>()
    const first = table.intern([Uint8Array.of(192, 0, 2, 1)])
    expect(table.intern([Uint8Array.of(192, 0, 2, 1)])).to.equal(first)
    expect(table.intern([Uint8Array.of(192, 0, 2, 2)])).to.deep.equal([Uint8Array.of(192, 0, 2, 2)])
    expect(table.intern([])).to.deep.equal([])
  })

  it('is not all that peers can think of', () => {
    const table = new InternTable<{ time: number }>()
    const first = table.intern({ time: 0 })
    for (let time = 1; time < 1000; time++) expect(table.intern({ time })).to.deep.equal({ time })
    const again = table.intern({ time: 0 })
    expect(again).to.deep.equal(first)
    expect(again).not.to.equal(first)
  })
})
