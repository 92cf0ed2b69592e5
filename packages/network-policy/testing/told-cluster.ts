/** Objects of the model, told to a cluster's state as its watches would tell them. */
import { ClusterState } from '@podroute/cluster/state.ts'
import { PODS } from '@podroute/cluster/watch/kinds.ts'
import type { ModelPod, ModelPolicy } from './model.ts'
import type { MutableCluster, RandomChange } from './random-cluster.ts'

export class ToldCluster {
  readonly state = new ClusterState()
  readonly #model: MutableCluster

  constructor(model: MutableCluster) {
    this.#model = model
  }

  tellAll(): void {
    for (const name of Object.keys(this.#model.namespaces)) this.#tellNamespace(name)
    for (const pod of this.#model.pods) this.#tellPod(undefined, pod)
    for (const policy of this.#model.policies) this.#tellPolicy(undefined, policy)
    for (const { name, spec } of this.#model.clusterPolicies)
      this.state.set('clusternetworkpolicies', name, { spec })
    for (const kind of ['networkpolicies', 'clusternetworkpolicies', 'namespaces', 'pods'] as const)
      this.state.synced(kind)
  }

  tell(change: RandomChange): void {
    if (change.kind === 'namespace') this.#tellNamespace(change.name)
    else if (change.kind === 'pod') this.#tellPod(change.before, change.after)
    else if (change.kind === 'cluster-policy')
      this.state.set('clusternetworkpolicies', change.after.name, { spec: change.after.spec })
    else this.#tellPolicy(change.before, change.after)
  }

  #tellNamespace(name: string): void {
    this.state.set('namespaces', name, { labels: this.#model.namespaces[name]! })
  }

  /** The new one comes before the old one goes, as it may happen where both have the same address. */
  #tellPod(before: ModelPod | undefined, after: ModelPod | undefined): void {
    if (after) this.state.set('pods', keyOf(after), PODS.trim(podObject(after))!)
    if (before && (!after || keyOf(before) !== keyOf(after))) this.state.delete('pods', keyOf(before))
  }

  #tellPolicy(before: ModelPolicy | undefined, after: ModelPolicy | undefined): void {
    if (after) this.state.set('networkpolicies', keyOf(after), { spec: after.spec })
    else if (before) this.state.delete('networkpolicies', keyOf(before))
  }
}

export function keyOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`
}

function podObject({ namespace, name, labels, addresses, node, ports }: ModelPod) {
  return {
    metadata: { namespace, name, uid: name, labels },
    spec: { nodeName: node, containers: [{ name: 'c', ports }] },
    status: { phase: 'Running', podIPs: addresses.map((ip) => ({ ip })) },
  }
}
