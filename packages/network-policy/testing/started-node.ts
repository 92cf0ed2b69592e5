/** Policies of one namespace, `shop`, on a node whose kernel is a fake. */
import type { NetworkPolicyObject } from '@podroute/cluster/objects/network-policy.ts'
import type { PodObject } from '@podroute/cluster/objects/pod.ts'
import { ClusterState } from '@podroute/cluster/state.ts'
import { FakeKernel } from '@podroute/kernel/testing/fake-kernel.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { Enforcement } from '../enforcement.ts'
import { isDelivered, passes } from './interpreter.ts'

const NODE = 'node-1'
export const TABLE = 'inet podroute-network-policy'

export async function startNode() {
  const kernel = new FakeKernel()
  const state = new ClusterState()
  const enforcement = new Enforcement({
    ...{ nodeName: NODE, cluster: state, kernel },
    ...{ clock: new ManualClock(), random: () => 0 },
  })
  state.subscribe('networkpolicies', {
    changed: (key, before, after) => enforcement.policyChanged(key, before, after),
    synced() {},
  })
  state.subscribe('namespaces', { changed: (key) => enforcement.namespaceChanged(key), synced() {} })
  state.subscribe('pods', {
    changed: (key, before, after) => enforcement.podChanged(key, before, after),
    synced() {},
  })
  state.set('namespaces', 'shop', { labels: {} })
  await enforcement.adopt()
  await enforcement.synced()
  const pod = (name: string, app: string, address: string, more: Partial<PodObject> = {}) =>
    state.set('pods', `shop/${name}`, {
      ...{ uid: name, labels: { app }, node: NODE, addresses: [address] },
      ...more,
    })
  const policy = (name: string, spec: NetworkPolicyObject['spec']) =>
    state.set('networkpolicies', `shop/${name}`, { spec } as NetworkPolicyObject)
  const may = (source: string, destination: string, port = 80, protocol: 'tcp' | 'udp' | 'sctp' = 'tcp') =>
    passes(kernel.nft.tables.get(TABLE), { source, destination, protocol, port })
  const mayToNode = (source: string, destination: string, port = 80) =>
    isDelivered(kernel.nft.tables.get(TABLE), { source, destination, protocol: 'tcp', port })
  /** Elements, chains and sets that are written by what `change` does. */
  const written = async (change: () => void) => {
    await enforcement.flush()
    const before = kernel.nft.scripts.length
    change()
    await enforcement.flush()
    return kernel.nft.scripts
      .slice(before)
      .flatMap((script) => script.split('\n'))
      .filter((line) => line !== '')
  }
  return {
    kernel,
    state,
    enforcement,
    pod,
    policy,
    may,
    mayToNode,
    written,
    flush: () => enforcement.flush(),
  }
}
