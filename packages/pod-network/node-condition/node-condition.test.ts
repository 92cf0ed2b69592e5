import { ApiStatusError } from '@podroute/cluster/errors.ts'
import type { NetworkUnavailable } from '@podroute/cluster/objects/node.ts'
import { type Condition, condition } from '@podroute/feature/condition.ts'
import { silent } from '@podroute/reconcile/log.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { NodeCondition } from './node-condition.ts'

const WORKS = [condition('bridge', undefined), { ...condition('routes', 'one fails'), advisory: true }]
const BROKEN = [condition('bridge', 'kube-bridge is a veth')]
const PATIENCE = 30_000

/** A node whose API server applies what is written, and tells it. */
function start() {
  const clock = new ManualClock()
  const writes: { at: number; status: string; message: string; since: string }[] = []
  let facts: readonly Condition[] | undefined = WORKS
  let enabled = true
  let refusal: Error | undefined
  let attempts = 0
  const client = async () => ({
    async patchJson(path: string, patch: unknown) {
      attempts++
      if (refusal) throw refusal
      expect(path).to.equal('/api/v1/nodes/node-1/status')
      const { body } = patch as { body: { status: { conditions: Record<string, string>[] } } }
      const [told] = body.status.conditions
      const { status = 'none', reason = '', message = '', lastTransitionTime: since = '' } = told ?? {}
      writes.push({ at: clock.now(), status, message, since })
      setImmediate(() => one.observed(told ? { status, reason, message, since } : undefined))
    },
  })
  const one = new NodeCondition({
    ...{ nodeName: 'node-1', client, clock, random: () => 0, log: silent },
    wall: () => new Date(1_800_000_000_000 + clock.now()),
    conditions: () => facts,
    patience: () => PATIENCE,
    enabled: () => enabled,
  })
  const pass = async (milliseconds: number) => {
    clock.advance(milliseconds)
    for (let turn = 0; turn < 6; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  const become = async (next: readonly Condition[] | undefined) => {
    facts = next
    one.look()
    await pass(0)
  }
  return {
    ...{ one, writes, pass, become, clock, attempts: () => attempts },
    statuses: () => writes.map(({ status }) => status),
    refuse(error: Error | undefined) {
      refusal = error
    },
    async switchTo(on: boolean) {
      enabled = on
      one.look()
      await pass(0)
    },
  }
}

describe('the condition NetworkUnavailable', () => {
  it('is False as soon as the network works, once', async () => {
    const { one, writes, pass } = start()
    one.observed(undefined)
    await pass(0)
    await pass(3_600_000)
    expect(writes).to.deep.equal([
      { at: 0, status: 'False', message: 'the node has its pod network', since: '2027-01-15T08:00:00Z' },
    ])
  })

  it('is True when something is missing for longer than starts and repairs take, and says what', async () => {
    const { one, writes, pass, become, statuses } = start()
    one.observed(undefined)
    await pass(60_000)
    await become(BROKEN)
    await pass(PATIENCE - 1)
    expect(statuses()).to.deep.equal(['False'])
    await pass(1)
    expect(writes[1]).to.deep.include({
      ...{ status: 'True', message: 'bridge: kube-bridge is a veth', since: '2027-01-15T08:01:30Z' },
    })
    await become([condition('conflist', 'gone')])
    await pass(10_000)
    // Other words for the same: since when it is so stays.
    expect(writes[2]).to.deep.include({ message: 'conflist: gone', since: '2027-01-15T08:01:30Z' })
  })

  it('does not flap', async () => {
    const { one, pass, become, statuses } = start()
    one.observed(undefined)
    await pass(0)
    for (let round = 0; round < 100; round++) {
      await become(BROKEN)
      await pass(PATIENCE - 1000)
      await become(WORKS)
      await pass(1000)
    }
    expect(statuses()).to.deep.equal(['False'])
    await become(BROKEN)
    await pass(PATIENCE)
    for (let round = 0; round < 100; round++) {
      await become(WORKS)
      await pass(9000)
      await become(BROKEN)
      await pass(1000)
    }
    expect(statuses()).to.deep.equal(['False', 'True'])
    await become(WORKS)
    await pass(10_000)
    expect(statuses()).to.deep.equal(['False', 'True', 'False'])
  })

  it('stays as it is where nothing can be known, and where there is no Node', async () => {
    const { one, pass, become, attempts } = start()
    await become(undefined)
    one.observed({ status: 'True', reason: 'PodRouteNotReady', message: 'x', since: '' })
    await pass(3_600_000)
    expect(attempts()).to.equal(0)
    one.observed(null)
    await become(WORKS)
    await pass(3_600_000)
    expect(attempts()).to.equal(0)
  })

  it('is left to others that say the same', async () => {
    const { one, pass, attempts } = start()
    one.observed({ status: 'False', reason: 'RouteCreated', message: 'by a cloud', since: '' })
    await pass(3_600_000)
    expect(attempts()).to.equal(0)
  })

  it('is said ever more rarely against others that say another thing', async () => {
    const { one, pass, writes } = start()
    const theirs: NetworkUnavailable = { status: 'True', reason: 'NoRouteCreated', message: '', since: '' }
    for (let second = 0; second < 3600; second++) {
      one.observed(theirs)
      await pass(1000)
    }
    expect(writes.length).to.be.within(5, 15)
  }).timeout(20_000)

  it('is tried again, ever more rarely, where the API refuses it', async () => {
    const { one, pass, attempts, refuse, statuses } = start()
    refuse(new ApiStatusError(403, 'forbidden'))
    one.observed(undefined)
    for (let minute = 0; minute < 60; minute++) await pass(60_000)
    expect(attempts()).to.be.within(6, 20)
    refuse(undefined)
    await pass(600_000)
    expect(statuses()).to.deep.equal(['False'])
  })

  it('is taken back where it is switched off or the pod network is, and then only what is its own', async () => {
    const { one, pass, statuses, switchTo } = start()
    one.observed(undefined)
    await pass(0)
    await pass(10_000)
    await switchTo(false)
    expect(statuses()).to.deep.equal(['False', 'none'])
    one.observed({ status: 'True', reason: 'NoRouteCreated', message: '', since: '' })
    await pass(600_000)
    expect(statuses()).to.have.length(2)
    await switchTo(true)
    await pass(600_000)
    await one.remove()
    expect(statuses()).to.deep.equal(['False', 'none', 'False', 'none'])
  })
})
