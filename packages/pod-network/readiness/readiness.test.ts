import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { FakeKernel } from '@podroute/kernel/testing/fake-kernel.ts'
import type { LogFields, Logger } from '@podroute/reconcile/log.ts'
import { silent } from '@podroute/reconcile/log.ts'
import { Table } from '@podroute/reconcile/table.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { MemoryResource } from '@podroute/reconcile/testing/memory-resource.ts'
import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import { expect } from 'chai'
import { masqueradeTable } from '../egress/masquerade.ts'
import { ClusterNodes } from '../nodes/cluster-nodes.ts'
import { createTables } from '../tables.ts'
import { testNode, testSettings } from '../testing/fixtures.ts'
import { Readiness } from './readiness.ts'

const ROUTER = '172.30.0.100'
const peer = (address: string) => ({ address, asn: 64512 }) as PeerConfig

function setup() {
  const kernel = new FakeKernel()
  const clock = new ManualClock()
  const ofKernel = createTables(kernel, () => testSettings, { clock, log: silent, random: () => 1 })
  const peers = new MemoryResource<string, PeerConfig>('peers')
  const instance = new MemoryResource<string, object>('instance')
  const tables = {
    ...ofKernel,
    peers: new Table(peers, { clock }),
    instance: new Table(instance, { clock }),
  }
  const nodes = new ClusterNodes('node-1')
  const said: unknown[] = []
  const say = (message: string, fields: LogFields = {}) => void said.push([message, fields.for])
  const sessions = { established: new Set<string>(), told: new Set<string>() }
  const gate: { reason?: string } = {}
  const readiness = new Readiness({
    ...{ nodeName: 'node-1', nodes, tables: tables as never },
    log: { debug: say, info: say, warn: say, error: say } as Logger,
    routing: () => 'bgp',
    cni: true,
    nodeAddressTypes: () => ['InternalIP', 'ExternalIP'],
    routers: () => new Set([ROUTER]),
    sessions: {
      isEstablished: (name) => sessions.established.has(name),
      hasEndOfRib: (name) => sessions.told.has(name),
    },
    podGate: () => gate.reason,
  })
  const all: readonly { flush(): Promise<unknown> }[] = Object.values(tables)
  const flush = async () => {
    for (const table of all) await table.flush()
  }
  const lacking = () =>
    readiness
      .conditions()
      .filter(({ ok }) => !ok)
      .map(({ name, detail }) => `${name}: ${detail}`)
  /** All that a lone node needs but for the conflist. */
  const complete = async (...others: readonly ClusterNode[]) => {
    for (const node of [testNode(1), ...others]) nodes.set(node)
    readiness.nodesSynced = true
    tables.instance.set('bgp', {})
    tables.bridge.set('kube-bridge', { mtu: 1500, mac: '0a:58:0a:f4:01:01' })
    tables.addresses.set('10.244.1.1/24', { address: '10.244.1.1', prefixLength: 24 })
    tables.rules.set('table', masqueradeTable(true))
    tables.masquerade.set('pods-4 10.244.1.0/24', { set: 'pods-4', element: '10.244.1.0/24' })
    await flush()
  }
  return { kernel, readiness, tables, nodes, said, sessions, gate, flush, lacking, complete, instance, clock }
}

describe('readiness of the pod network', () => {
  it('begins with nothing, and says so of each', () => {
    const { readiness, lacking } = setup()
    expect(lacking().filter((text) => !/^source-check/.test(text))).to.deep.equal([
      'node: the Nodes are not known yet',
      'speaker: nothing planned yet',
      'bridge: nothing planned yet',
      'masquerade: nothing planned yet',
      'conflist: nothing planned yet',
    ])
    expect(readiness.mayTakePods).to.equal(false)
  })

  it('may take pods when all is in place but for the file that says so', async () => {
    const { readiness, tables, flush, lacking, complete } = setup()
    await complete()
    expect(readiness.mayTakePods).to.equal(true)
    expect(lacking()).to.include('conflist: nothing planned yet')
    tables.conflist.set(testSettings.conflist, '{}')
    expect(lacking()).to.include('conflist: 1 pending')
    await flush()
    expect(lacking().join()).to.not.include('conflist')
  })

  for (const [what, break_, expected] of [
    [
      'its Node lacks its prefixes',
      ({ nodes }) => void nodes.set(testNode(1, { podCIDRs: [] })),
      /^node: .*podCIDR/,
    ],
    ['its Node is deleted', ({ nodes }) => void nodes.delete('node-1'), /^node: there is no Node node-1/],
    ['an address is to be written', ({ tables }) => tables.addresses.delete('10.244.1.1/24'), /^bridge: /],
    [
      'an element is to be written',
      ({ tables }) => tables.masquerade.set('nodes-4 1.2.3.4', { set: 'nodes-4', element: '1.2.3.4' }),
      /^masquerade: 1 pending/,
    ],
    [
      'another feature lacks something',
      ({ gate }) => {
        gate.reason = 'Services: first sync'
      },
      /^others: Services/,
    ],
  ] as readonly (readonly [string, (s: ReturnType<typeof setup>) => void, RegExp])[])
    it(`takes no pods while ${what}`, async () => {
      const world = setup()
      await world.complete()
      expect(world.readiness.mayTakePods).to.equal(true)
      break_(world)
      expect(world.readiness.mayTakePods).to.equal(false)
      expect(
        world.lacking().some((text) => expected.test(text)),
        world.lacking().join('\n'),
      ).to.equal(true)
    })

  it('says what a failing change fails with', async () => {
    const { instance, tables, flush, lacking, complete } = setup()
    instance.fail = () => new Error('the port is taken')
    await complete()
    await flush()
    expect(lacking()[0]).to.equal('speaker: the port is taken')
    expect(tables.instance.stats.failed).to.equal(1)
  })

  it('waits for the Nodes that are ready and for routers, until each has done what can be asked of it', async () => {
    const { readiness, tables, sessions, lacking, complete } = setup()
    const [second, third] = [testNode(2), testNode(3, { ready: false })]
    await complete(second, third)
    for (const address of ['172.30.0.12', '172.30.0.13', ROUTER]) tables.peers.set(address, peer(address))
    const waiting = () => lacking().find((text) => text.startsWith('peers'))
    expect(waiting()).to.equal(`peers: waiting for node-2, ${ROUTER}`)
    sessions.established.add('172.30.0.12').add(ROUTER)
    expect(waiting()).to.equal('peers: waiting for node-2')
    sessions.told.add('172.30.0.12')
    expect([waiting(), readiness.mayTakePods]).to.deep.equal([undefined, true])
    expect(readiness.endOfRibComplete, 'the router has not told all').to.equal(false)
    sessions.told.add(ROUTER)
    expect(readiness.endOfRibComplete).to.equal(true)
  })

  it('waits for nobody any more once the deadline has passed', async () => {
    const { readiness, tables, complete } = setup()
    await complete(testNode(2))
    tables.peers.set('172.30.0.12', peer('172.30.0.12'))
    expect([readiness.mayTakePods, readiness.endOfRibComplete]).to.deep.equal([false, false])
    readiness.deadlinePassed = true
    expect([readiness.mayTakePods, readiness.endOfRibComplete]).to.deep.equal([true, true])
  })

  it('logs what its Node lacks once for one reason, and again when it lacks it again', async () => {
    const { readiness, nodes, said, complete, gate } = setup()
    readiness.logWaiting()
    expect(said, 'the Nodes are not known yet').to.deep.equal([])
    await complete()
    readiness.logWaiting()
    gate.reason = 'Services: first sync'
    readiness.logWaiting()
    expect(said).to.deep.equal([])
    const without = () => void nodes.set(testNode(1, { podCIDRs: [] }))
    without()
    readiness.logWaiting()
    readiness.logWaiting()
    nodes.delete('node-1')
    readiness.logWaiting()
    nodes.set(testNode(1))
    readiness.logWaiting()
    without()
    readiness.logWaiting()
    const podCidr = ['waiting', 'Node node-1 has no podCIDR']
    expect(said).to.deep.equal([podCidr, ['waiting', 'there is no Node node-1'], podCidr])
  })
})
