import type { WatchStatus } from '@podroute/cluster/watch/resource-watch.ts'
import { isReady } from '@podroute/feature/condition.ts'
import { expect } from 'chai'
import { forbiddenKinds } from './api-conditions.ts'

describe('kinds that the agent can do without', () => {
  const counts = { connected: false, objects: 0, lists: 0, events: 0, failures: 0, skipped: 0 }
  const watch = (name: string, more: Partial<WatchStatus>): WatchStatus => ({
    ...{ name, synced: true, lastError: undefined },
    ...{ ...counts, ...more },
  })

  it('are a condition where they are forbidden, and the node is ready all the same', () => {
    const detail = 'forbidden: allow list and watch'
    const conditions = forbiddenKinds([
      watch('nodes', { lastError: 'away' }),
      watch('old', { unavailable: 'not-served', lastError: 'not found' }),
      watch('servicecidrs', { unavailable: 'forbidden', lastError: detail }),
    ])
    expect(conditions).to.deep.equal([{ name: 'servicecidrs', ok: false, advisory: true, detail }])
    expect(isReady(conditions)).to.equal(true)
  })
})
