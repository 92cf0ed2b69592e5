import type { Statement } from '@podroute/cluster/events/event.ts'
import { ClusterState } from '@podroute/cluster/state.ts'
import { declareWith } from '@podroute/feature/declare-metric.ts'
import type { FeatureContext } from '@podroute/feature/feature.ts'
import { PodPrefixes } from '@podroute/feature/pod-prefixes.ts'
import { ReservedAddresses } from '@podroute/feature/reserved-addresses.ts'
import { ServedAddresses } from '@podroute/feature/served-addresses.ts'
import { FakeKernel } from '@podroute/kernel/testing/fake-kernel.ts'
import { silent } from '@podroute/reconcile/log.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { Registry } from 'prom-client'
import { NetworkPolicyFeature } from './feature.ts'

const SETTINGS = { podStart: 'selected', podStartTimeout: 10, endConnections: true } as const

async function start() {
  const cluster = new ClusterState()
  const events: Statement[] = []
  const context: FeatureContext = {
    ...{
      nodeName: 'node-1',
      stateDirectory: '/run/test',
      cluster,
      log: silent,
      clock: new ManualClock(),
      random: () => 0,
    },
    store: () => ({ load: () => undefined, save() {} }),
    reserved: new ReservedAddresses(),
    served: new ServedAddresses(),
    podPrefixes: new PodPrefixes(),
    kernel: () => Promise.reject(new Error('unused')),
    events: {
      record(statement, say) {
        events.push(statement)
        say?.(1)
      },
    },
    writer: () => Promise.reject(new Error('unused')),
    podGate: () => undefined,
    pluginFields: () => ({}),
    gateChanged() {},
    firstSync: { large() {}, done() {} },
  }
  const kernel = new FakeKernel()
  const feature = new NetworkPolicyFeature(context, SETTINGS, kernel)
  await feature.start()
  const settle = async () => {
    for (const kind of ['networkpolicies', 'clusternetworkpolicies', 'namespaces', 'pods'] as const)
      cluster.synced(kind)
    // What reads and writes the kernel of the test takes some turns.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  return { cluster, events, feature, kernel, settle }
}

describe('network policy as a feature', () => {
  it('shows which policies select a pod, and whether they are in place', async () => {
    const { cluster, feature, settle } = await start()
    const pod = (app: string) => ({ uid: app, labels: { app }, node: 'node-1', addresses: ['10.244.1.2'] })
    cluster.set('pods', 'shop/web', pod('web'))
    cluster.set('pods', 'shop/free', { ...pod('free'), addresses: ['10.244.1.3', 'fd10::3'] })
    cluster.set('pods', 'shop/far', { ...pod('web'), node: 'node-2', addresses: ['10.244.2.2'] })
    const podSelector = { matchLabels: { app: 'web' } }
    cluster.set('networkpolicies', 'shop/deny', { spec: { podSelector } })
    cluster.set('networkpolicies', 'shop/odd', {
      spec: { podSelector, egress: [{ to: [{ ipBlock: { cidr: 'junk' } }] }] },
    })
    await settle()
    const [page] = feature.pages
    const [pods, problems] = page!.tables(page!.data())
    expect(pods?.rows).to.deep.equal([
      ['shop/free', '10.244.1.3 fd10::3', 'all', 'all', ''],
      ['shop/web', '10.244.1.2', 'deny odd', 'odd', 'in place'],
    ])
    expect(problems?.rows).to.deep.equal([
      ['shop/odd', 'spec.egress[0].to[0].ipBlock.cidr: not a prefix: junk'],
    ])
    expect(feature.summary()).to.deep.equal([['network policies', '2']])
    expect(feature.conditions()).to.deep.equal([{ name: 'network policies', ok: true, detail: '' }])
    expect(Object.keys(feature.stats())).to.include('policy-elements')
  })

  it('says in an Event what of a policy cannot be used', async () => {
    const { cluster, events } = await start()
    cluster.set('networkpolicies', 'shop/good', { spec: {} })
    expect(events).to.deep.equal([])
    cluster.set('networkpolicies', 'shop/odd', {
      metadata: { uid: 'u-1' },
      spec: { ingress: [{ ports: [{ protocol: 'ICMP' }] }] },
    })
    expect(events).to.deep.equal([
      {
        regarding: {
          ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', namespace: 'shop', name: 'odd' },
          uid: 'u-1',
        },
        ...{ type: 'Warning', reason: 'InvalidField', action: 'EnforcePolicy' },
        note: 'these fields cannot be used and allow nothing: spec.ingress[0].ports[0].protocol: not a protocol: ICMP',
      },
    ])
  })

  it('counts, without a series for any pod', async () => {
    const { cluster, feature, settle } = await start()
    cluster.set('pods', 'shop/web', { uid: 'u', labels: {}, node: 'node-1', addresses: ['10.244.1.2'] })
    cluster.set('networkpolicies', 'shop/own', {
      spec: { ingress: [{ from: [{ podSelector: {} }] }, { ports: [{ port: 0 }] }] },
    })
    await settle()
    const registry = new Registry()
    feature.declareMetrics(declareWith(registry))
    const lines = (await registry.metrics()).split('\n').filter((line) => /^podroute_policy_\w+ /.test(line))
    expect(lines.filter((line) => !line.includes('duration'))).to.deep.equal([
      'podroute_policy_connections_ended_total 0',
      'podroute_policy_policies 1',
      'podroute_policy_problems 1',
      'podroute_policy_pods 1',
      'podroute_policy_chains 1',
      'podroute_policy_groups 1',
    ])
    expect(lines.find((line) => line.includes('duration_seconds_count'))).not.to.match(/ 0$/)
  })

  it('leaves nothing when it is switched off', async () => {
    const { cluster, feature, kernel, settle } = await start()
    cluster.set('pods', 'shop/web', { uid: 'u', labels: {}, node: 'node-1', addresses: ['10.244.1.2'] })
    cluster.set('networkpolicies', 'shop/deny', { spec: {} })
    await settle()
    expect(kernel.nft.tables.size).to.equal(1)
    await feature.cleanup()
    expect(kernel.nft.tables.size).to.equal(0)
    await feature[Symbol.asyncDispose]()
    expect(cluster.isFollowed('networkpolicies')).to.equal(false)
  })
})
