import { expect } from 'chai'
import { MARK_BASE, Marks } from './marks.ts'

describe('Marks', () => {
  it('follow from the name', () => {
    expect(new Marks().of('tcp 10.96.0.1 80')).to.equal(new Marks().of('tcp 10.96.0.1 80'))
  })

  it('differ, also among 20,000, and carry our upper byte', () => {
    const marks = new Marks()
    const all = Array.from({ length: 20_000 }, (_, i) => marks.of(`tcp 10.96.${i >> 8}.${i & 255} 80`))
    expect(new Set(all).size).to.equal(all.length)
    expect(all.every((mark) => mark >>> 24 === MARK_BASE >>> 24)).to.equal(true)
  })

  it('are free for others once nothing uses them', () => {
    const marks = new Marks()
    const first = marks.of('a')
    marks.free(first)
    marks.free(first)
    expect(marks.of('a')).to.equal(first)
  })
})
