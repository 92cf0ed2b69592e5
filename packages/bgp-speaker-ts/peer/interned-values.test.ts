// What sessions have in common.
import { expect } from 'chai'
import { Shared } from './interned-values.ts'

describe('what sessions share', () => {
  it('is one value for all that are equal', () => {
    const shared = new Shared<readonly Uint8Array[]>()
    const first = shared.of([Uint8Array.of(192, 0, 2, 1)])
    expect(shared.of([Uint8Array.of(192, 0, 2, 1)])).to.equal(first)
    expect(shared.of([Uint8Array.of(192, 0, 2, 2)])).to.deep.equal([Uint8Array.of(192, 0, 2, 2)])
    expect(shared.of([])).to.deep.equal([])
  })

  it('is not all that peers can think of', () => {
    const shared = new Shared<{ time: number }>()
    const first = shared.of({ time: 0 })
    for (let time = 1; time < 1000; time++) expect(shared.of({ time })).to.deep.equal({ time })
    const again = shared.of({ time: 0 })
    expect(again).to.deep.equal(first)
    expect(again).not.to.equal(first)
  })
})
