/** The service proxy's life: started when the kernel can, fed from the cluster, asked whether it works. */

import type { Slice } from '@podroute/cluster/objects/endpoint-slice.ts'
import { type ClusterNode, sameNetwork } from '@podroute/cluster/objects/node.ts'
import type { Service, ServiceKey } from '@podroute/cluster/objects/service.ts'
import { type Clock, systemClock } from '@podroute/reconcile/clock.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import { backoffDelay } from '@podroute/reconcile/retries.ts'
import type { ProxyMetrics } from './metrics.ts'
import type { ServiceProxy } from './proxy.ts'
import { type ProxyHealth, UNHEALTHY_AFTER } from './proxy-health.ts'

/** What is used of the service proxy. */
export type UsedProxy = Pick<
  ServiceProxy,
  'start' | 'synced' | 'setNodeAddresses' | 'nodeChanged' | 'setZone' | 'serviceChanged' | 'isHealthy'
>

export interface RunnerOptions {
  readonly nodeName: string
  readonly proxy: UsedProxy
  readonly log: Logger
  readonly metrics: ProxyMetrics
  readonly clock?: Clock
  readonly random: () => number
  /** What `gate` says has changed. */
  gateChanged(): void
  /** The kernel cannot do Services; each reason once in a row. */
  unable(reason: string): void
  /** The first sync has so many objects that compiling code pays. */
  largeFirstSync(): void
  /** The first sync is over. */
  synced(): void
}

/** Between two tries to start, in milliseconds. */
const RETRY = { base: 1000, cap: 60_000 }
/** Objects of a large first sync: at so many, compiled code has paid for itself. */
const LARGE_FIRST_SYNC = 3000

export type FollowedKind = 'nodes' | 'services' | 'endpointslices'

export class Runner implements Disposable {
  readonly #options: RunnerOptions
  readonly #log: Logger
  readonly #clock: Clock
  readonly #missing = new Set<FollowedKind>(['nodes', 'services', 'endpointslices'])
  readonly #created: number
  #started = false
  #synced = false
  #startProblem: string | undefined
  #leaving = false
  #objects = 0
  #retry: Disposable | undefined
  #disposed = false
  /** The attempt to start, and the first sync. */
  #starting: Promise<void> = Promise.resolve()
  #syncing: Promise<void> = Promise.resolve()

  constructor(options: RunnerOptions) {
    this.#options = options
    this.#log = options.log
    this.#clock = options.clock ?? systemClock
    this.#created = this.#clock.now()
  }

  /** Why Services do not work; undefined when they do. */
  get problem(): string | undefined {
    if (this.#startProblem !== undefined) return this.#startProblem
    if (!this.#started) return 'starting'
    if (this.#missing.size > 0) return `waiting for ${[...this.#missing].join(', ')}`
    return this.#synced ? undefined : 'first sync'
  }

  /** Why pods must not start yet. A kernel that cannot do Services must not keep the node without a pod network. */
  get gate(): string | undefined {
    return this.#startProblem === undefined ? this.problem : undefined
  }

  /** What load balancers are to know. For a minute after the start, what an earlier run put into the kernel counts as fresh. */
  health(): ProxyHealth {
    const starting = !this.#synced && this.#clock.now() - this.#created < UNHEALTHY_AFTER
    const healthy =
      this.#startProblem === undefined && (this.#synced || starting) && this.#options.proxy.isHealthy()
    return { healthy, eligible: !this.#leaving, lastUpdated: new Date(this.#options.metrics.lastFlush) }
  }

  /** Starts the proxy, and tries again until it works or the runner is disposed of. */
  start(failures = 0): Promise<void> {
    this.#starting = this.#start(failures)
    return this.#starting
  }

  /** `after` is undefined for a Node that is gone. */
  nodeChanged(name: string, before: ClusterNode | undefined, after: ClusterNode | undefined): void {
    if (name === this.#options.nodeName) this.#ownNodeChanged(after)
    if (!before || !after || !sameNetwork(before, after)) this.#options.proxy.nodeChanged(before, after)
  }

  serviceChanged(key: ServiceKey, before: Service | undefined, after: Service | undefined): void {
    this.#count(after)
    this.#options.metrics.changed('service')
    this.#options.proxy.serviceChanged(key, after ? undefined : before)
  }

  /**
   * A slice may move from one Service to another.
   * @param trigger when a Pod or Service changed, from which this follows
   */
  sliceChanged(before: Slice | undefined, after: Slice | undefined, trigger?: string): void {
    this.#count(after)
    this.#options.metrics.changed('endpoint', trigger)
    if (before && before.service !== after?.service) this.#options.proxy.serviceChanged(before.service)
    if (after) this.#options.proxy.serviceChanged(after.service)
  }

  /** Everything of one kind has been handed over. */
  kindSynced(kind: FollowedKind): void {
    this.#missing.delete(kind)
    this.#syncIfComplete()
  }

  /** Begins nothing any more; resolves when nothing is under way. */
  async stop(): Promise<void> {
    this[Symbol.dispose]()
    await this.#starting
    await this.#syncing
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    this.#retry?.[Symbol.dispose]()
  }

  async #start(failures: number): Promise<void> {
    try {
      await this.#options.proxy.start()
      this.#started = true
      this.#startProblem = undefined
    } catch (error) {
      const problem = (error as Error).message
      if (problem !== this.#startProblem) {
        this.#log.error('Services do not work on this node', { error })
        this.#options.unable(problem)
      }
      this.#startProblem = problem
      this.#startAgain(failures + 1)
    }
    this.#options.gateChanged()
    this.#syncIfComplete()
  }

  #startAgain(failures: number): void {
    if (this.#disposed) return
    const delay = backoffDelay(failures, this.#options.random, RETRY)
    this.#retry = this.#clock.after(delay, () => void this.start(failures))
  }

  /** A Node that is missing for a moment takes nothing away: the proxy goes on with its last addresses and zone. */
  #ownNodeChanged(node: ClusterNode | undefined): void {
    this.#leaving = node === undefined || node.leaving
    if (!node) return
    this.#options.proxy.setZone(node.zone)
    if (node.addresses.length > 0)
      this.#options.proxy.setNodeAddresses(node.addresses.map(({ text }) => text))
  }

  #count(object: unknown): void {
    if (object !== undefined && ++this.#objects === LARGE_FIRST_SYNC && !this.#synced)
      this.#options.largeFirstSync()
  }

  #syncIfComplete(): void {
    if (!this.#started || this.#missing.size > 0 || this.#synced || this.#disposed) return
    this.#syncing = this.#options.proxy.synced().then(
      () => {
        this.#synced = true
        this.#log.info('Services are in place')
        this.#options.synced()
        this.#options.gateChanged()
      },
      (error: unknown) => this.#log.error('the first sync of Services failed', { error }),
    )
  }
}
