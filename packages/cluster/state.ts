/** What the API server says, as far as somebody asks for it: parsed once, indexed, told to whoever follows a kind. Pure. */
import { NodeIndex } from './node-index.ts'
import type { ClusterNetworkPolicy, ClusterNetworkPolicyObject } from './objects/cluster-network-policy.ts'
import type { EndpointSliceObject, Slice } from './objects/endpoint-slice.ts'
import type { Namespace, NamespaceObject } from './objects/namespace.ts'
import type { NetworkPolicy, NetworkPolicyObject } from './objects/network-policy.ts'
import type { ClusterNode, NodeObject } from './objects/node.ts'
import { parseClusterNetworkPolicy } from './objects/parse-cluster-network-policy.ts'
import { parseNetworkPolicy } from './objects/parse-network-policy.ts'
import { parseNode } from './objects/parse-node.ts'
import { parseService } from './objects/parse-service.ts'
import { parseSlice } from './objects/parse-slice.ts'
import { type Pod, type PodObject, parsePod } from './objects/pod.ts'
import type { Service, ServiceObject } from './objects/service.ts'
import { parseServiceCidr, type ServiceCidr, type ServiceCidrObject } from './objects/service-cidr.ts'
import { ServiceIndex } from './service-index.ts'
import { Store, type Subscriber } from './store.ts'
import { triggerTime } from './watch/kinds.ts'

/** Each kind with what is kept of its objects. */
export interface Objects {
  readonly nodes: ClusterNode
  readonly services: Service
  readonly endpointslices: Slice
  readonly servicecidrs: ServiceCidr
  readonly networkpolicies: NetworkPolicy
  readonly clusternetworkpolicies: ClusterNetworkPolicy
  readonly namespaces: Namespace
  /** Those that have, or are about to have, addresses of their own. */
  readonly pods: Pod
}

/** Each kind with its objects as watches hand them over. */
export interface RawObjects {
  readonly nodes: NodeObject
  readonly services: ServiceObject
  readonly endpointslices: EndpointSliceObject
  readonly servicecidrs: ServiceCidrObject
  readonly networkpolicies: NetworkPolicyObject
  readonly clusternetworkpolicies: ClusterNetworkPolicyObject
  readonly namespaces: NamespaceObject
  readonly pods: PodObject
}

export type Kind = keyof Objects

/** What features know of the cluster. */
export interface ClusterView {
  /** Empty unless somebody follows `nodes`; so with the others. */
  readonly nodes: NodeIndex
  readonly services: ServiceIndex
  /** By name. */
  readonly serviceCidrs: ReadonlyMap<string, ServiceCidr>
  /** By `namespace/name`. */
  readonly networkPolicies: ReadonlyMap<string, NetworkPolicy>
  /** By name. */
  readonly clusterNetworkPolicies: ReadonlyMap<string, ClusterNetworkPolicy>
  /** By name. */
  readonly namespaces: ReadonlyMap<string, Namespace>
  /** By `namespace/name`. */
  readonly pods: ReadonlyMap<string, Pod>
  /**
   * Follows a kind, which is watched from then on as long as somebody does. What is there already is told before this returns, and
   * so is that it is all, where it is.
   */
  subscribe<K extends Kind>(kind: K, subscriber: Subscriber<Objects[K]>): Disposable
}

type Parse<K extends Kind> = (object: RawObjects[K], key: string) => Objects[K] | undefined

const PARSE: { readonly [K in Kind]: Parse<K> } = {
  nodes: (object) => parseNode(object),
  services: parseService,
  endpointslices: parseSlice,
  servicecidrs: parseServiceCidr,
  networkpolicies: parseNetworkPolicy,
  clusternetworkpolicies: parseClusterNetworkPolicy,
  namespaces: (object) => object,
  pods: parsePod,
}

export class ClusterState implements ClusterView {
  readonly #stores: { readonly [K in Kind]: Store<Objects[K]> }
  readonly nodes: NodeIndex
  readonly services: ServiceIndex

  /** @param failed a subscriber that came late choked on an object */
  constructor(failed: (kind: Kind, key: string, error: unknown) => void = () => {}) {
    const choked = (kind: Kind) => (key: string, error: unknown) => failed(kind, key, error)
    this.#stores = {
      nodes: new Store({
        failed: choked('nodes'),
        index: (name, _before, after) => this.nodes.update(name, after),
      }),
      services: new Store({
        failed: choked('services'),
        index: (key, _before, after) => this.services.updateService(key, after),
      }),
      endpointslices: new Store({
        failed: choked('endpointslices'),
        index: (_key, before, after) => this.services.updateSlice(before, after),
      }),
      servicecidrs: new Store({ failed: choked('servicecidrs') }),
      networkpolicies: new Store({ failed: choked('networkpolicies') }),
      clusternetworkpolicies: new Store({ failed: choked('clusternetworkpolicies') }),
      namespaces: new Store({ failed: choked('namespaces') }),
      pods: new Store({ failed: choked('pods') }),
    }
    const { nodes, services, endpointslices } = this.#stores
    this.nodes = new NodeIndex(nodes.objects)
    this.services = new ServiceIndex(services.objects, endpointslices.objects)
  }

  get serviceCidrs(): ReadonlyMap<string, ServiceCidr> {
    return this.#stores.servicecidrs.objects
  }

  get networkPolicies(): ReadonlyMap<string, NetworkPolicy> {
    return this.#stores.networkpolicies.objects
  }

  get clusterNetworkPolicies(): ReadonlyMap<string, ClusterNetworkPolicy> {
    return this.#stores.clusternetworkpolicies.objects
  }

  get namespaces(): ReadonlyMap<string, Namespace> {
    return this.#stores.namespaces.objects
  }

  get pods(): ReadonlyMap<string, Pod> {
    return this.#stores.pods.objects
  }

  subscribe<K extends Kind>(kind: K, subscriber: Subscriber<Objects[K]>): Disposable {
    return this.#store(kind).subscribe(subscriber)
  }

  /** The object as the API has it now. @throws what a subscriber threw, after all were told */
  set<K extends Kind>(kind: K, key: string, object: RawObjects[K]): void {
    const trigger = kind === 'endpointslices' ? triggerTime(object as EndpointSliceObject) : undefined
    this.#store(kind).set(key, PARSE[kind](object, key), trigger)
  }

  /** The API has no such object any more. @throws like set */
  delete(kind: Kind, key: string): void {
    this.#store(kind).set(key, undefined)
  }

  /** All objects of the kind that exist were set. @throws like set */
  synced(kind: Kind): void {
    this.#store(kind).setSynced()
  }

  isSynced(kind: Kind): boolean {
    return this.#store(kind).synced
  }

  isFollowed(kind: Kind): boolean {
    return this.#store(kind).hasSubscribers
  }

  /** Nobody follows the kind any more: what is known of it is old from now on. */
  clear(kind: Kind): void {
    this.#store(kind).clear()
  }

  #store<K extends Kind>(kind: K): Store<Objects[K]> {
    return this.#stores[kind] as unknown as Store<Objects[K]>
  }
}
