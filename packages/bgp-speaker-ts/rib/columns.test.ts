import { expect } from 'chai'
import { grown, IdStack } from './columns.ts'

describe('a column that grows', () => {
  it('keeps what it holds, and is zero beyond', () => {
    expect([...grown(Int32Array.of(7, -1), 4)]).to.deep.equal([7, -1, 0, 0])
  })

  it('gives the memory of before back at once', () => {
    const before = new Uint16Array(1000)
    grown(before, 2000)
    expect(before.length).to.equal(0)
  })
})

describe('ids that wait', () => {
  it('come back in parts, each of them once', () => {
    const stack = new IdStack()
    for (let id = 0; id < 1000; id++) stack.push(id)
    const parts = [stack.take(600), stack.take(600), stack.take(600)]
    expect(parts.map((part) => part.length)).to.deep.equal([600, 400, 0])
    expect(new Set(parts.flatMap((part) => [...part])).size).to.equal(1000)
  })

  it('can be more again after there were many', () => {
    const stack = new IdStack()
    for (let id = 0; id < 100_000; id++) stack.push(id)
    expect(stack.take(100_000)).to.have.length(100_000)
    stack.push(5)
    expect([...stack.take(10)]).to.deep.equal([5])
  })
})
