import { expect } from 'chai'
import { DirtyKeys } from './dirty-keys.ts'
import { ManualClock } from './testing/manual-clock.ts'

describe('DirtyKeys', () => {
  it('are as old as the oldest that waits, also when a flush has taken it and does not end', async () => {
    const clock = new ManualClock()
    const keys = new DirtyKeys({ clock })
    expect(keys.oldest()).to.equal(undefined)
    const start = clock.now()
    keys.add('a')
    await clock.advance(30_000)
    keys.add('b')
    keys.take(10)
    keys.add('c')
    expect(keys.oldest()).to.equal(start)
    keys.done()
    expect(keys.oldest()).to.equal(start + 30_000)
    keys.take(10)
    keys.done()
    expect(keys.oldest()).to.equal(undefined)
  })

  it('that a portion leaves over wait as long as before', async () => {
    const clock = new ManualClock()
    const keys = new DirtyKeys({ clock })
    for (const key of ['a', 'b', 'c']) keys.add(key)
    await clock.advance(1000)
    expect(keys.take(2)).to.deep.equal(['a', 'b'])
    keys.done()
    expect([keys.oldest(), keys.size]).to.deep.equal([0, 1])
  })
})
