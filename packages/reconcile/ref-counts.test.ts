import { expect } from 'chai'
import { RefCounts } from './ref-counts.ts'
import { Table } from './table.ts'
import { MemoryResource } from './testing/memory-resource.ts'
import { pick, seeded, testSeed } from './testing/random.ts'

describe('RefCounts', () => {
  it('keeps a key from its first owner to its last one, with the last value', () => {
    const table = new Table(new MemoryResource<string, string>('elements'))
    const counts = new RefCounts(table)
    counts.take('a', '1')
    counts.take('a', '2')
    counts.take('a', '2')
    counts.take('b', '1')
    counts.release('a')
    counts.release('b')
    expect([...table.desired()]).to.deep.equal([['a', '2']])
    counts.release('a')
    expect(table.desired().size).to.equal(1)
    counts.release('a')
    expect(table.desired().size).to.equal(0)
    counts.take('a', '3')
    expect([...table.desired()]).to.deep.equal([['a', '3']])
  })

  it('wants exactly what somebody holds, after any sequence', () => {
    const seed = testSeed()
    const random = seeded(seed)
    const table = new Table(new MemoryResource<string, string>('elements'))
    const counts = new RefCounts(table)
    const held = new Map<string, number>()
    for (let step = 0; step < 2000; step++) {
      const key = pick(random, ['a', 'b', 'c', 'd'])
      const owners = held.get(key) ?? 0
      if (owners > 0 && random() < 0.55) {
        counts.release(key)
        held.set(key, owners - 1)
      } else {
        counts.take(key, 'x')
        held.set(key, owners + 1)
      }
      const wanted = [...held].filter(([, count]) => count > 0).map(([name]) => name)
      expect([...table.desired().keys()].sort(), `SEED=${seed}`).to.deep.equal(wanted.sort())
    }
  })
})
