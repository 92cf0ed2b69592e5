import { ClusterState } from '@podroute/cluster/state.ts'
import { FakeKernel } from '@podroute/kernel/testing/fake-kernel.ts'
import { silent } from '@podroute/reconcile/log.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { Lifecycle } from './lifecycle.ts'

const TABLE = 'inet podroute-network-policy'
const DENY = { spec: { podSelector: {} } }
const SERVER = { uid: 'u', labels: {}, node: 'node-1', addresses: ['10.244.1.2', 'fd10::2'] }

function make(kernel = new FakeKernel(), state = new ClusterState()) {
  const said: string[] = []
  const clock = new ManualClock()
  const lifecycle = new Lifecycle({
    ...{ nodeName: 'node-1', cluster: state, kernel, clock, random: () => 0, log: silent },
    onFlushed() {},
    synced: () => void said.push('synced'),
  })
  const table = () => kernel.nft.tables.get(TABLE)
  const isolated = () =>
    [...(table()?.sets.get('ingress-4')?.elements ?? [])].map((text) => text.split(' ')[0])
  /** Until nothing is under way. */
  const settle = async () => {
    for (const tail = { last: undefined as unknown }; tail.last !== lifecycle.settled; ) {
      tail.last = lifecycle.settled
      await lifecycle.settled
    }
    await lifecycle.enforcement?.flush()
  }
  const sync = async () => {
    for (const kind of ['networkpolicies', 'clusternetworkpolicies', 'namespaces', 'pods'] as const)
      state.synced(kind)
    await settle()
  }
  return { kernel, state, clock, lifecycle, said, table, isolated, settle, sync }
}

/** With a policy that isolates a pod of the node. */
async function enforcing() {
  const made = make()
  made.lifecycle.start()
  made.state.set('networkpolicies', 'shop/deny', DENY)
  made.state.set('pods', 'shop/server', SERVER)
  await made.sync()
  return made
}

describe('the life of network policy', () => {
  it('follows nothing but policies and writes nothing while there is none', async () => {
    const { kernel, state, lifecycle, said, settle, clock } = make()
    lifecycle.start()
    expect(lifecycle.problem).to.equal('waiting for networkpolicies, clusternetworkpolicies')
    state.synced('networkpolicies')
    state.synced('clusternetworkpolicies')
    await settle()
    expect(lifecycle.problem).to.equal(undefined)
    expect(said).to.deep.equal(['synced'])
    expect([state.isFollowed('pods'), state.isFollowed('namespaces')]).to.deep.equal([false, false])
    expect([kernel.nft.scripts, kernel.nft.tables.size, clock.timers]).to.deep.equal([[], 0, 0])
  })

  it('judges once all that it must know was told, and not before', async () => {
    const { state, lifecycle, said, isolated, settle } = make()
    lifecycle.start()
    state.set('networkpolicies', 'shop/deny', DENY)
    state.set('pods', 'shop/server', SERVER)
    state.synced('networkpolicies')
    state.synced('clusternetworkpolicies')
    state.synced('namespaces')
    await settle()
    expect([lifecycle.problem, isolated(), said]).to.deep.equal(['waiting for pods', [], []])
    state.synced('pods')
    await settle()
    expect([lifecycle.problem, isolated(), said]).to.deep.equal([undefined, ['10.244.1.2'], ['synced']])
  })

  it('keeps what an earlier run left until it knows better', async () => {
    const { kernel, lifecycle } = await enforcing()
    await lifecycle[Symbol.asyncDispose]()
    const next = make(kernel)
    next.lifecycle.start()
    next.state.set('networkpolicies', 'shop/deny', DENY)
    next.state.synced('networkpolicies')
    next.state.synced('clusternetworkpolicies')
    await next.settle()
    expect([next.lifecycle.problem, next.isolated()]).to.deep.equal([
      'waiting for namespaces, pods',
      ['10.244.1.2'],
    ])
  })

  it('writes nothing that the next run finds right', async () => {
    const { kernel, lifecycle, state } = await enforcing()
    await lifecycle[Symbol.asyncDispose]()
    const next = make(kernel, state)
    const scripts = kernel.nft.scripts.length
    next.lifecycle.start()
    await next.sync()
    expect(next.lifecycle.problem).to.equal(undefined)
    expect([kernel.nft.scripts.slice(scripts), next.isolated()]).to.deep.equal([[], ['10.244.1.2']])
  })

  it('sweeps what an earlier run left where there is no policy any more', async () => {
    const { kernel, lifecycle } = await enforcing()
    await lifecycle[Symbol.asyncDispose]()
    const next = make(kernel)
    next.lifecycle.start()
    expect(next.isolated()).to.deep.equal(['10.244.1.2'])
    await next.sync()
    expect([...kernel.nft.tables.keys()]).to.deep.equal([])
  })

  it('opens at once when the last policy goes, and follows pods for a minute more', async () => {
    const { kernel, state, clock, lifecycle, settle, isolated } = await enforcing()
    state.delete('networkpolicies', 'shop/deny')
    await settle()
    expect([...kernel.nft.tables.keys()]).to.deep.equal([])
    await clock.advance(59_000)
    expect(state.isFollowed('pods')).to.equal(true)
    state.set('networkpolicies', 'shop/deny', DENY)
    await settle()
    expect(isolated()).to.deep.equal(['10.244.1.2'])
    await clock.advance(120_000)
    expect([state.isFollowed('pods'), isolated()]).to.deep.equal([true, ['10.244.1.2']])
    state.delete('networkpolicies', 'shop/deny')
    await settle()
    await clock.advance(60_000)
    await lifecycle.settled
    expect([state.isFollowed('pods'), lifecycle.enforcement, lifecycle.problem]).to.deep.equal([
      false,
      undefined,
      undefined,
    ])
    expect(clock.timers).to.equal(0)
    state.set('networkpolicies', 'shop/deny', DENY)
    await settle()
    expect(isolated()).to.deep.equal(['10.244.1.2'])
  })

  it('says why, and tries again, where the kernel cannot be read', async () => {
    const kernel = new FakeKernel()
    const broken = { on: true }
    const show = kernel.nft.show.bind(kernel.nft)
    kernel.nft.show = (command) => (broken.on ? Promise.reject(new Error('no nftables')) : show(command))
    const { state, clock, lifecycle, isolated, sync, settle } = make(kernel)
    lifecycle.start()
    await sync()
    expect(lifecycle.problem).to.equal('no nftables')
    state.set('networkpolicies', 'shop/deny', DENY)
    state.set('pods', 'shop/server', SERVER)
    await sync()
    expect(lifecycle.problem).to.equal('no nftables')
    broken.on = false
    await clock.advance(60_000)
    await settle()
    expect([lifecycle.problem, isolated()]).to.deep.equal([undefined, ['10.244.1.2']])
  })

  it('leaves nothing when it is switched off, and says what the kernel does not take', async () => {
    const { kernel, lifecycle, state } = await enforcing()
    await lifecycle.cleanup()
    expect([...kernel.nft.tables.keys(), state.isFollowed('networkpolicies')]).to.deep.equal([false])
    const other = await enforcing()
    const run = other.kernel.nft.run.bind(other.kernel.nft)
    other.kernel.nft.run = (script) =>
      script.includes('ingress-4') || script.includes('-4-') ? Promise.reject(new Error('busy')) : run(script)
    other.state.set('pods', 'shop/more', { ...SERVER, addresses: ['10.244.1.3'] })
    await other.settle()
    expect(other.lifecycle.problem).to.equal('busy')
  })
})
