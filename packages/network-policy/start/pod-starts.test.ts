import { ClusterState } from '@podroute/cluster/state.ts'
import { FakeKernel } from '@podroute/kernel/testing/fake-kernel.ts'
import { silent } from '@podroute/reconcile/log.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { Lifecycle } from '../lifecycle.ts'
import { PodStarts } from './pod-starts.ts'

const FOLDER = '/run/podroute'
const SOCKET = `${FOLDER}/policy.sock`
const TABLE = 'inet podroute-network-policy'
const DENY = { spec: { podSelector: {} } }

/** What reads and writes the kernel of the test takes some turns. */
async function turns() {
  for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve))
}

async function start(kernel = new FakeKernel(), state = new ClusterState()) {
  const clock = new ManualClock()
  const starts = new PodStarts({
    ...{ folder: FOLDER, cluster: state, kernel, clock, log: silent },
    ...{ progress: () => lifecycle, timeout: () => 5000 },
  })
  const lifecycle = new Lifecycle({
    ...{ nodeName: 'node-1', cluster: state, kernel, clock, random: () => 0, log: silent },
    announced: (pod) => starts.announced(pod),
    podChanged: (key, before, after) => starts.podChanged(key, before, after),
    changed: () => starts.changed(),
    onFlushed: () => starts.changed(),
    synced() {},
  })
  await starts.read()
  lifecycle.start()
  await starts.serve(true)
  const sync = async () => {
    for (const kind of ['networkpolicies', 'clusternetworkpolicies', 'namespaces', 'pods'] as const)
      state.synced(kind)
    await turns()
    starts.policiesChanged()
  }
  const said: string[] = []
  const ask = async (name: string, address: string, uid = name) => {
    const question = { namespace: 'shop', name, uid, addresses: [address] }
    kernel.sockets.get(SOCKET)!(JSON.stringify(question)).then((answer) => said.push(`${name} ${answer}`))
    await turns()
  }
  const pod = async (name: string, addresses: string[] = [], uid = name) => {
    state.set('pods', `shop/${name}`, { uid, labels: {}, node: 'node-1', addresses })
    await turns()
    await lifecycle.enforcement?.flush()
  }
  const isolated = () =>
    [...(kernel.nft.tables.get(TABLE)?.sets.get('ingress-4')?.elements ?? [])]
      .map((t) => t.split(' ')[0])
      .sort()
  return { kernel, state, clock, starts, lifecycle, sync, ask, pod, isolated, said }
}

describe('pods that are about to start', () => {
  it('are ready at once where their namespace has no policies', async () => {
    const { state, sync, ask, said } = await start()
    await ask('early', '10.1.0.2')
    expect(said, 'nobody knows yet').to.deep.equal([])
    state.set('networkpolicies', 'bank/deny', DENY)
    await sync()
    expect(said).to.deep.equal(['early {"state":"ready"}'])
  })

  it('are ready when what judges them is in the kernel, before their status says an address', async () => {
    const { state, sync, ask, said, pod, isolated } = await start()
    state.set('networkpolicies', 'shop/deny', DENY)
    await sync()
    await ask('web', '10.1.0.2')
    expect([said, isolated()], 'not shown yet').to.deep.equal([[], []])
    await pod('web', [], 'the one before')
    expect(said, 'another of that name').to.deep.equal([])
    await pod('web')
    expect([said, isolated()]).to.deep.equal([['web {"state":"ready"}'], ['10.1.0.2']])
    await pod('web', ['10.1.0.2'])
    expect(isolated()).to.deep.equal(['10.1.0.2'])
    await pod('web', [])
    expect(isolated(), 'what was announced is over').to.deep.equal([])
  })

  it('have an address before those whose status still says it', async () => {
    const { state, sync, ask, pod, isolated } = await start()
    const podSelector = { matchLabels: { app: 'web' } }
    state.set('networkpolicies', 'shop/deny', { spec: { podSelector } })
    await sync()
    state.set('pods', 'shop/old', {
      uid: 'old',
      labels: {},
      node: 'node-1',
      addresses: ['10.1.0.2'],
      created: 9,
    })
    state.set('pods', 'shop/new', {
      uid: 'new',
      labels: { app: 'web' },
      node: 'node-1',
      addresses: [],
      created: 1,
    })
    await ask('new', '10.1.0.2')
    expect(isolated()).to.deep.equal(['10.1.0.2'])
    await pod('next')
    await ask('next', '10.1.0.2')
    expect(isolated(), 'given to the next one').to.deep.equal([])
  })

  it('hear why not when their time is over', async () => {
    const { clock, state, sync, ask, said } = await start()
    await ask('early', '10.1.0.2')
    await clock.advance(5000)
    await turns()
    state.set('networkpolicies', 'shop/deny', DENY)
    await sync()
    await ask('web', '10.1.0.3')
    await clock.advance(5000)
    await turns()
    expect(said).to.deep.equal([
      'early {"state":"unknown","reason":"waiting for networkpolicies"}',
      'web {"state":"failed","reason":"the API server has not shown the pod yet"}',
    ])
  })

  it('are known to the next agent, which writes for the plugin what namespaces have policies', async () => {
    const first = await start()
    first.state.set('networkpolicies', 'shop/deny', DENY)
    await first.sync()
    await first.pod('web')
    await first.ask('web', '10.1.0.2')
    expect(await first.kernel.files.read(`${FOLDER}/policy-namespaces`)).to.equal('shop')
    await first.starts[Symbol.asyncDispose]()
    await first.lifecycle[Symbol.asyncDispose]()
    const next = await start(first.kernel)
    next.state.set('networkpolicies', 'shop/deny', DENY)
    await next.pod('web')
    await next.sync()
    expect(next.isolated()).to.deep.equal(['10.1.0.2'])
    await next.starts.cleanup()
    expect(next.kernel.files.paths()).to.deep.equal([])
  })
})
