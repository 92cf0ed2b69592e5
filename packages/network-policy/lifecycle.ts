/**
 * When policies are enforced at all: from the first policy of the cluster on, as only then pods and namespaces are followed and the kernel
 * is given anything, until there has been none for a while.
 */
import type { ClusterNetworkPolicy } from '@podroute/cluster/objects/cluster-network-policy.ts'
import type { NetworkPolicy } from '@podroute/cluster/objects/network-policy.ts'
import type { Pod } from '@podroute/cluster/objects/pod.ts'
import type { ClusterView } from '@podroute/cluster/state.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import { backoffDelay } from '@podroute/reconcile/retries.ts'
import { Enforcement } from './enforcement.ts'
import type { PolicyKernel } from './kernel/tables.ts'
import { namesNodes } from './plan/cluster-rules.ts'
import { isSameSpec } from './status/accepted.ts'

export interface LifecycleOptions {
  readonly nodeName: string
  readonly cluster: ClusterView
  readonly kernel: PolicyKernel
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
  /** Addresses that this node has given a pod and its status need not say yet. */
  readonly announced?: (pod: Pod) => readonly string[]
  /** Is told of a pod before it is planned. */
  podChanged?(key: string, before: Pod | undefined, after: Pod | undefined): void
  /** What a pod may wait for has changed: what is known of it, or what is in place. */
  changed?(): void
  /** Whether connections end that policies do not allow any more; absent: no. */
  endsConnections?(): boolean
  /** So many ended. */
  ended?(count: number): void
  onFlushed(milliseconds: number): void
  /** What there was to do at first is done. */
  synced(): void
}

type Followed = 'networkpolicies' | 'clusternetworkpolicies' | 'namespaces' | 'pods' | 'nodes'

/** Between two attempts to read the kernel, in milliseconds. */
const RETRY = { base: 1000, cap: 60_000 }
/** Pods are followed for so long after the last policy went, in milliseconds: it may come back, as `kubectl replace` does it. */
const LINGER = 60_000

export class Lifecycle implements AsyncDisposable {
  readonly #options: LifecycleOptions
  readonly #policies = new DisposableStack()
  /** What is followed only while there are policies. */
  #others = new DisposableStack()
  #enforcement: Enforcement | undefined
  readonly #missing = new Set<Followed>(['networkpolicies', 'clusternetworkpolicies'])
  #adopted = false
  #inPlace = false
  #problem: string | undefined
  #timer: Disposable | undefined
  #lingering: Disposable | undefined
  #nodes: Disposable | undefined
  #stopped = false
  /** The kernel is read and cleaned up by one after the other. */
  #tail: Promise<void> = Promise.resolve()

  constructor(options: LifecycleOptions) {
    this.#options = options
  }

  /** What judges now; undefined while there are no policies. */
  get enforcement(): Enforcement | undefined {
    return this.#enforcement
  }

  /** Why policies are not in place; undefined when they are. */
  get problem(): string | undefined {
    if (this.#problem !== undefined) return this.#problem
    if (this.#missing.size > 0) return `waiting for ${[...this.#missing].join(', ')}`
    if (this.#enforcement && !this.#inPlace) return 'first sync'
    for (const { error } of this.#enforcement?.pending() ?? []) if (error !== '') return error
    return undefined
  }

  start(): void {
    this.#policies.use(
      this.#options.cluster.subscribe('networkpolicies', {
        changed: (key, before, after) => this.#policyChanged(key, before, after),
        synced: () => this.#policiesSynced('networkpolicies'),
      }),
    )
    this.#policies.use(
      this.#options.cluster.subscribe('clusternetworkpolicies', {
        changed: (_key, before, after) => this.#clusterPolicyChanged(before, after),
        synced: () => this.#policiesSynced('clusternetworkpolicies'),
      }),
    )
  }

  /** Whether all policies of the cluster are known. */
  get knowsPolicies(): boolean {
    return !this.#missing.has('networkpolicies') && !this.#missing.has('clusternetworkpolicies')
  }

  /** Whether what is known is what the kernel has, but for changes under way. */
  get isInPlace(): boolean {
    return this.#inPlace
  }

  /** Resolves when the kernel is not being read or cleaned up. */
  get settled(): Promise<void> {
    return this.#tail
  }

  /** Follows nothing any more, and removes what the kernel has of ours. @throws NetworkPolicyError LEFT_BEHIND */
  async cleanup(): Promise<void> {
    this.#stop()
    await this.#tail
    await (this.#enforcement ?? this.#make()).cleanup()
  }

  /** Stops following; the kernel keeps what it has. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop()
    await this.#tail
    await this.#enforcement?.[Symbol.asyncDispose]()
  }

  #stop(): void {
    this.#stopped = true
    this.#policies.dispose()
    this.#others.dispose()
    this.#timer?.[Symbol.dispose]()
    this.#lingering?.[Symbol.dispose]()
  }

  #policyChanged(key: string, before: NetworkPolicy | undefined, after: NetworkPolicy | undefined): void {
    const enforcement = this.#enforcement
    this.#look()
    // One that began just now was told of it already.
    if (enforcement && enforcement === this.#enforcement) enforcement.policyChanged(key, before, after)
  }

  #clusterPolicyChanged(
    before: ClusterNetworkPolicy | undefined,
    after: ClusterNetworkPolicy | undefined,
  ): void {
    if (after && isSameSpec(before, after)) return
    this.#look()
    if (after && namesNodes(after)) this.#followNodes()
    this.#enforcement?.clusterChanged()
  }

  /** Their addresses count only where a policy names nodes. */
  #followNodes(): void {
    const { cluster } = this.#options
    if (this.#nodes || !this.#enforcement) return
    if (!this.#inPlace) this.#missing.add('nodes')
    this.#nodes = this.#others.use(
      cluster.subscribe('nodes', {
        changed: () => this.#enforcement?.clusterChanged(),
        synced: () => {
          this.#missing.delete('nodes')
          this.#syncIfComplete()
        },
      }),
    )
  }

  #policiesSynced(kind: Followed): void {
    this.#missing.delete(kind)
    this.#look()
    this.#syncIfComplete()
    this.#options.changed?.()
  }

  get #hasPolicies(): boolean {
    const { networkPolicies, clusterNetworkPolicies } = this.#options.cluster
    return networkPolicies.size + clusterNetworkPolicies.size > 0
  }

  #look(): void {
    if (this.#stopped) return
    const wanted = this.#hasPolicies
    if (wanted) {
      this.#lingering?.[Symbol.dispose]()
      this.#lingering = undefined
      if (!this.#enforcement) this.#begin()
    } else if (this.#enforcement) {
      this.#lingering ??= this.#options.clock.after(LINGER, () => this.#endLater())
    } else if (this.#missing.size === 0 && !this.#inPlace) this.#sweepOnly()
  }

  #make(): Enforcement {
    return new Enforcement(this.#options)
  }

  #begin(): void {
    const { cluster } = this.#options
    const enforcement = this.#make()
    this.#enforcement = enforcement
    this.#inPlace = false
    this.#adopted = false
    for (const [key, policy] of cluster.networkPolicies) enforcement.policyChanged(key, undefined, policy)
    this.#others = new DisposableStack()
    this.#nodes = undefined
    if ([...cluster.clusterNetworkPolicies.values()].some(namesNodes)) this.#followNodes()
    this.#missing.add('namespaces').add('pods')
    const synced = (kind: Followed) => () => {
      this.#missing.delete(kind)
      this.#syncIfComplete()
    }
    const changed = (name: string) => enforcement.namespaceChanged(name)
    this.#others.use(cluster.subscribe('namespaces', { changed, synced: synced('namespaces') }))
    this.#others.use(
      cluster.subscribe('pods', {
        changed: (key, before, after) => {
          this.#options.podChanged?.(key, before, after)
          enforcement.podChanged(key, before, after)
          this.#options.changed?.()
        },
        synced: synced('pods'),
      }),
    )
    this.#queue(() => this.#adopt(enforcement, 0))
  }

  /** What keeps the kernel from being read is tried again. */
  async #adopt(enforcement: Enforcement, failures: number): Promise<void> {
    if (this.#stopped || enforcement !== this.#enforcement) return
    try {
      await enforcement.adopt()
      this.#problem = undefined
      this.#adopted = true
      this.#syncIfComplete()
    } catch (error) {
      this.#failed(error as Error)
      this.#retry(failures, (next) => this.#adopt(enforcement, next))
    }
  }

  #syncIfComplete(): void {
    const enforcement = this.#enforcement
    if (!enforcement || !this.#adopted || this.#missing.size > 0 || this.#inPlace) return
    this.#queue(async () => {
      if (this.#stopped || enforcement !== this.#enforcement || this.#inPlace) return
      await enforcement.synced()
      this.#inPlace = true
      this.#options.log.info('network policies are in place')
      this.#options.synced()
      this.#options.changed?.()
    })
  }

  /** What might be left is swept as at the start. */
  #endLater(): void {
    this.#lingering = undefined
    this.#queue(async () => {
      const enforcement = this.#enforcement
      if (this.#stopped || !enforcement || this.#hasPolicies) return
      this.#others.dispose()
      this.#missing.delete('namespaces')
      this.#missing.delete('pods')
      this.#missing.delete('nodes')
      this.#enforcement = undefined
      this.#inPlace = false
      await enforcement[Symbol.asyncDispose]()
      this.#look()
    })
  }

  /** Without a policy there is only to be removed what an earlier run left. */
  #sweepOnly(failures = 0): void {
    this.#inPlace = true
    this.#queue(async () => {
      if (this.#stopped || this.#enforcement) return
      const old = this.#make()
      try {
        await old.cleanup()
        this.#problem = undefined
        this.#options.synced()
      } catch (error) {
        this.#failed(error as Error)
        this.#retry(failures, async (next) => this.#sweepOnly(next))
      } finally {
        await old[Symbol.asyncDispose]()
      }
    })
  }

  #failed(error: Error): void {
    if (this.#problem === error.message) return
    this.#problem = error.message
    this.#options.log.error('network policies do not work on this node', { error })
  }

  #retry(failures: number, again: (failures: number) => Promise<void>): void {
    const { clock, random } = this.#options
    this.#timer?.[Symbol.dispose]()
    const delay = backoffDelay(failures + 1, random, RETRY)
    this.#timer = clock.after(delay, () => this.#queue(() => again(failures + 1)))
  }

  #queue(work: () => Promise<void>): void {
    this.#tail = this.#tail
      .then(work)
      .catch((error: unknown) => this.#options.log.error('network policies failed', { error }))
  }
}
