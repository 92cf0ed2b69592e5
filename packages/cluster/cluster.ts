/** What the API server says: each kind that somebody follows is watched, for as long as somebody does. */
import type { Logger } from '@podroute/reconcile/log.ts'
import type { NodeIndex } from './node-index.ts'
import type { ClusterNetworkPolicy } from './objects/cluster-network-policy.ts'
import type { Namespace } from './objects/namespace.ts'
import type { NetworkPolicy } from './objects/network-policy.ts'
import type { Pod } from './objects/pod.ts'
import type { ServiceCidr } from './objects/service-cidr.ts'
import type { ServiceIndex } from './service-index.ts'
import { ClusterState, type ClusterView, type Kind, type Objects, type RawObjects } from './state.ts'
import type { Subscriber } from './store.ts'
import {
  CLUSTER_NETWORK_POLICIES,
  ENDPOINT_SLICES,
  NAMESPACES,
  NETWORK_POLICIES,
  NODES,
  PODS,
  SERVICE_CIDRS,
  SERVICES,
} from './watch/kinds.ts'
import {
  type ClientSource,
  type ResourceKind,
  ResourceWatch,
  type WatchOptions,
  type WatchStatus,
} from './watch/resource-watch.ts'

export interface ClusterOptions extends WatchOptions {
  /** Where connections come from. */
  readonly source: ClientSource
}

const RESOURCES: { readonly [K in Kind]: ResourceKind<RawObjects[K]> } = {
  nodes: NODES,
  services: SERVICES,
  endpointslices: ENDPOINT_SLICES,
  servicecidrs: SERVICE_CIDRS,
  networkpolicies: NETWORK_POLICIES,
  clusternetworkpolicies: CLUSTER_NETWORK_POLICIES,
  namespaces: NAMESPACES,
  pods: PODS,
}

interface Feed {
  readonly watch: Pick<ResourceWatch<unknown>, 'status'>
  readonly stop: AbortController
  readonly done: Promise<void>
}

export class Cluster implements ClusterView, AsyncDisposable {
  readonly #options: ClusterOptions
  readonly #log: Logger
  readonly #state: ClusterState
  readonly #feeds = new Map<Kind, Feed>()
  #started = false

  constructor(options: ClusterOptions) {
    this.#options = options
    this.#log = options.log
    this.#state = new ClusterState((kind, object, error) =>
      this.#log.warn('an object could not be taken in', { kind, object, error }),
    )
  }

  get nodes(): NodeIndex {
    return this.#state.nodes
  }

  get services(): ServiceIndex {
    return this.#state.services
  }

  get serviceCidrs(): ReadonlyMap<string, ServiceCidr> {
    return this.#state.serviceCidrs
  }

  get networkPolicies(): ReadonlyMap<string, NetworkPolicy> {
    return this.#state.networkPolicies
  }

  get clusterNetworkPolicies(): ReadonlyMap<string, ClusterNetworkPolicy> {
    return this.#state.clusterNetworkPolicies
  }

  get namespaces(): ReadonlyMap<string, Namespace> {
    return this.#state.namespaces
  }

  get pods(): ReadonlyMap<string, Pod> {
    return this.#state.pods
  }

  /** Of each kind that is watched. */
  watches(): readonly WatchStatus[] {
    return [...this.#feeds.values()].map(({ watch }) => watch.status)
  }

  /** Whether all objects of the kind have been told at least once. */
  isSynced(kind: Kind): boolean {
    return this.#state.isSynced(kind)
  }

  subscribe<K extends Kind>(kind: K, subscriber: Subscriber<Objects[K]>): Disposable {
    const subscription = this.#state.subscribe(kind, subscriber)
    this.#adjust(kind)
    return {
      [Symbol.dispose]: () => {
        subscription[Symbol.dispose]()
        this.#adjust(kind)
      },
    }
  }

  /** Begins to watch what is followed. */
  start(): void {
    this.#started = true
    for (const kind of Object.keys(RESOURCES) as Kind[]) this.#adjust(kind)
  }

  /** Ends all watches; what is known stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#started = false
    const feeds = [...this.#feeds.values()]
    for (const { stop } of feeds) stop.abort()
    await Promise.all(feeds.map(({ done }) => done))
  }

  /** A kind is watched exactly while it is followed. */
  #adjust(kind: Kind): void {
    if (!this.#started) return
    const feed = this.#feeds.get(kind)
    const wanted = this.#state.isFollowed(kind)
    if (wanted && !feed) this.#feeds.set(kind, this.#feed(kind, RESOURCES[kind]))
    if (wanted || !feed) return
    feed.stop.abort()
    this.#feeds.delete(kind)
    this.#state.clear(kind)
  }

  #feed<K extends Kind>(kind: K, resource: ResourceKind<RawObjects[K]>): Feed {
    const stop = new AbortController()
    // A watch that was ended may have an event in its hands still.
    const unlessStopped = (tell: () => void) => {
      if (!stop.signal.aborted) tell()
    }
    const watch = new ResourceWatch<RawObjects[K]>(
      resource,
      {
        upsert: (key, object) => unlessStopped(() => this.#state.set(kind, key, object)),
        remove: (key) => unlessStopped(() => this.#state.delete(kind, key)),
        synced: () => unlessStopped(() => this.#state.synced(kind)),
      },
      this.#options,
    )
    return { watch, stop, done: watch.run(this.#options.source, stop.signal) }
  }
}
