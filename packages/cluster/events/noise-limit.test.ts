import { expect } from 'chai'
import { NoiseLimit } from './noise-limit.ts'

const SETTINGS = { burst: 3, first: 10, max: 40 }

/** When each of `count` things about one key is said, by somebody who never stops. */
function times(limit: NoiseLimit, count: number, key = 'k'): number[] {
  const said: number[] = []
  for (let now = 0; said.length < count; now++) {
    if (limit.wait(key, now) > 0) continue
    limit.take(key, now)
    said.push(now)
    now--
  }
  return said
}

describe('NoiseLimit', () => {
  it('lets a few through at once, then one after each pause, which grows', () => {
    expect(times(new NoiseLimit(SETTINGS), 8)).to.deep.equal([0, 0, 0, 10, 30, 70, 110, 150])
  })

  it('tells keys apart', () => {
    const limit = new NoiseLimit(SETTINGS)
    times(limit, 3, 'a')
    expect([limit.wait('a', 0), limit.wait('b', 0)]).to.deep.equal([10, 0])
  })

  it('begins anew after twice its pause in silence', () => {
    const limit = new NoiseLimit(SETTINGS)
    times(limit, 5)
    expect(limit.wait('k', 30 + 40)).to.equal(0)
    limit.take('k', 70)
    expect(limit.wait('k', 70)).to.equal(40)
    const waits = [1, 2, 3].map(() => {
      limit.take('k', 200)
      return limit.wait('k', 200)
    })
    expect(waits).to.deep.equal([0, 0, 10])
  })

  it('remembers so many keys, and forgets the one that is quiet for longest', () => {
    const limit = new NoiseLimit({ ...SETTINGS, burst: 1 }, 2)
    for (const key of ['a', 'b', 'c']) limit.take(key, 0)
    expect(['a', 'b', 'c'].map((key) => limit.wait(key, 0))).to.deep.equal([0, 10, 10])
  })
})
