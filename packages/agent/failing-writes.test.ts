import type { PendingChange } from '@podroute/reconcile/flush-order.ts'
import { expect } from 'chai'
import { FailingWrites } from './failing-writes.ts'
import type { RunningFeature } from './running-features.ts'

describe('writes that fail', () => {
  let now: number
  let listed: number
  let pending: PendingChange[]
  let writes: FailingWrites

  beforeEach(() => {
    now = 0
    listed = 0
    pending = []
    writes = new FailingWrites(() => now)
  })

  const change = (key: string, error: string): PendingChange => ({ table: 'ipvs', kind: 'add', key, error })
  const look = () => {
    const failed = pending.filter(({ error }) => error !== '').length
    const stats = { desired: 0, applied: 0, repaired: 0, pending: pending.length, failed }
    const feature = {
      stats: () => ({ ipvs: stats }),
      pending: () => {
        listed++
        return pending
      },
    }
    return writes.condition([{ name: 'proxy', feature } as unknown as RunningFeature])
  }

  it('for a minute are a condition that says which, and why, and makes no node unready', () => {
    pending = [change('a', 'EINVAL'), change('b', '')]
    expect(look().ok).to.equal(true)
    now = 59_999
    expect(look().ok).to.equal(true)
    now = 60_000
    expect(look()).to.deep.equal({
      ...{ name: 'writes', ok: false, advisory: true },
      detail: 'refused for a minute or longer: proxy/ipvs add a: EINVAL; see podroute plan',
    })
    pending = []
    expect(look().ok).to.equal(true)
  })

  it('and work in between begin again', () => {
    pending = [change('a', 'EINVAL')]
    look()
    pending = []
    now = 30_000
    look()
    pending = [change('a', 'EINVAL')]
    now = 60_000
    expect(look().ok).to.equal(true)
  })

  it('are few lines, however many they are, and cost nothing while there are none', () => {
    pending = [change('x', '')]
    look()
    expect(listed).to.equal(0)
    pending = Array.from({ length: 50 }, (_, i) => change(`k${i}`, 'EINVAL'))
    look()
    now = 60_000
    expect(look().detail).to.include('k2: EINVAL, and 47 more').and.not.include('k3')
  })
})
