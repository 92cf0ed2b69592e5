import { expect } from 'chai'
import { ResidueCache } from './residue-cache.ts'

describe('the cache of what a policy leaves', () => {
  it('tells families and sources apart', () => {
    const cache = new ResidueCache<string>()
    cache.set(500, 'ipv4-unicast', 3, 'a')
    cache.set(500, 'ipv6-unicast', 3, 'b')
    expect(cache.get(500, 'ipv4-unicast', 3)).to.equal('a')
    expect(cache.get(500, 'ipv6-unicast', 3)).to.equal('b')
    expect(cache.get(500, 'ipv4-unicast', 4)).to.equal(undefined)
  })

  it('keeps one entry of an attribute set: that of the source last asked for', () => {
    const cache = new ResidueCache<string>()
    cache.set(1, 'ipv4-unicast', 3, 'a')
    cache.set(1, 'ipv4-unicast', 4, 'b')
    expect(cache.get(1, 'ipv4-unicast', 3)).to.equal(undefined)
    expect(cache.get(1, 'ipv4-unicast', 4)).to.equal('b')
  })

  it('is the same for few and for many', () => {
    for (const count of [8, 9, 100]) {
      const cache = new ResidueCache<string>()
      const ids = Array.from({ length: count }, (_, n) => n * 7)
      for (const id of ids) cache.set(id, id % 2 === 0 ? 'ipv4-unicast' : 'ipv6-unicast', 1, `${id}`)
      cache.set(0, 'ipv4-unicast', 2, 'other')
      for (const id of ids.slice(1))
        expect(cache.get(id, id % 2 === 0 ? 'ipv4-unicast' : 'ipv6-unicast', 1)).to.equal(`${id}`)
      expect(cache.get(7, 'ipv4-unicast', 1)).to.equal(undefined)
      expect(cache.get(0, 'ipv4-unicast', 1)).to.equal(undefined)
      expect(cache.get(0, 'ipv4-unicast', 2)).to.equal('other')
    }
  })

  it('knows nothing of an id that was never set, nor after it was cleared', () => {
    const cache = new ResidueCache<string>()
    cache.set(1, 'ipv4-unicast', 0, 'a')
    expect(cache.get(0, 'ipv4-unicast', 0)).to.equal(undefined)
    expect(cache.get(1 << 20, 'ipv4-unicast', 0)).to.equal(undefined)
    cache.clear()
    expect(cache.get(1, 'ipv4-unicast', 0)).to.equal(undefined)
  })

  it('begins anew when there are more than it can number', () => {
    const cache = new ResidueCache<object>()
    const residues = Array.from({ length: 65_536 }, () => ({}))
    for (const [id, residue] of residues.entries()) cache.set(id, 'ipv4-unicast', 0, residue)
    expect(cache.get(65_535, 'ipv4-unicast', 0)).to.equal(residues[65_535])
    expect(cache.get(0, 'ipv4-unicast', 0)).to.equal(undefined)
  })
})
