/** The service proxy's life in the agent: started when the kernel can, fed from the API, asked whether it works. */

import { outermost } from '@podroute/address/outermost.ts'
import type { EndpointSliceObject } from '@podroute/cluster/objects/endpoint-slice.ts'
import type { NodeObject } from '@podroute/cluster/objects/node.ts'
import { parseNode } from '@podroute/cluster/objects/parse-node.ts'
import type { ServiceObject } from '@podroute/cluster/objects/service.ts'
import { backoff, pause } from '@podroute/cluster/watch/backoff.ts'
import { triggerTime } from '@podroute/cluster/watch/kinds.ts'
import { type Clock, systemClock } from '@podroute/reconcile/clock.ts'
import { UNHEALTHY_AFTER } from '@podroute/service-proxy/pending.ts'
import type { ServiceProxy } from '@podroute/service-proxy/proxy.ts'
import { ApiServerAddresses } from './api-addresses.ts'
import type { Logger } from './log.ts'
import type { ProxyMetrics } from './metrics/kube-proxy.ts'
import type { ProxyHealth } from './proxy-health.ts'
import { VipSet } from './vips.ts'

/** What the agent uses of the service proxy. */
export type UsedProxy = Pick<
  ServiceProxy,
  | 'prepare'
  | 'start'
  | 'synced'
  | 'setNodeAddresses'
  | 'setClusterAddresses'
  | 'setPodCIDRs'
  | 'setReservedAddresses'
  | 'isReserved'
  | 'setZone'
  | 'upsertService'
  | 'deleteService'
  | 'upsertSlice'
  | 'deleteSlice'
  | 'snapshot'
  | 'stats'
  | 'problems'
  | 'isHealthy'
  | typeof Symbol.asyncDispose
>

export interface ServiceRunnerOptions {
  readonly nodeName: string
  readonly proxy: UsedProxy
  readonly log: Logger
  readonly random: () => number
  /** What `problem` says has changed. */
  onChange(): void
  /** The kernel cannot do Services; each reason once in a row. */
  onUnable?(reason: string): void
  /** There is very much to do until the first sync is over. */
  onBusy?(): void
  /** The first sync is over. */
  onSynced?(): void
  readonly metrics?: ProxyMetrics
  readonly clock?: Clock
  /** Resolves after so many milliseconds, or when the signal aborts. */
  readonly pause?: typeof pause
}

interface NodeFacts {
  readonly prefixes: readonly string[]
  readonly addresses: readonly string[]
}

const RETRY = { first: 1000, max: 60_000 }
/** Objects of a first list that are much to do: at so many, compiled code has paid for itself. */
const MANY_OBJECTS = 3000

export class ServiceRunner {
  readonly #options: ServiceRunnerOptions
  readonly #log: Logger
  readonly #nodes = new Map<string, NodeFacts>()
  readonly #vips = new VipSet()
  readonly #apiServer: ApiServerAddresses
  readonly #missing = new Set(['nodes', 'services', 'endpointslices'])
  #prefixes = ''
  #started = false
  #synced = false
  #startProblem: string | undefined
  #leaving = false
  #objects = 0
  readonly #created: number

  constructor(options: ServiceRunnerOptions) {
    this.#options = options
    this.#log = options.log
    this.#created = this.#now()
    const { proxy } = options
    this.#apiServer = new ApiServerAddresses((all) => proxy.setReservedAddresses('api-server', all))
  }

  get metrics(): ProxyMetrics | undefined {
    return this.#options.metrics
  }

  get proxy(): UsedProxy {
    return this.#options.proxy
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
    const starting = !this.#synced && this.#now() - this.#created < UNHEALTHY_AFTER
    const healthy =
      this.#startProblem === undefined && (this.#synced || starting) && this.#options.proxy.isHealthy()
    return {
      healthy,
      eligible: !this.#leaving,
      lastUpdated: new Date(this.#options.metrics?.lastFlush ?? 0),
    }
  }

  /** What a Service asks for and may not have is none: a route to it is needed. */
  isVip(address: string): boolean {
    return this.#vips.has(address) && !this.#options.proxy.isReserved(address)
  }

  /** The API server answered from this address. @param server its URL */
  apiServerAnswered(server: string, address: string | undefined): void {
    this.#apiServer.answered(server, address)
  }

  /** Starts the proxy, trying again until it works or `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted && !this.#started; failures++) {
      try {
        await this.#options.proxy.start()
        this.#started = true
        this.#startProblem = undefined
      } catch (error) {
        const problem = (error as Error).message
        if (problem !== this.#startProblem) {
          this.#log.error('Services do not work on this node', { error })
          this.#options.onUnable?.(problem)
        }
        this.#startProblem = problem
        await (this.#options.pause ?? pause)(backoff(failures, RETRY, this.#options.random), signal)
      }
      this.#options.onChange()
    }
    this.#syncIfComplete()
  }

  setNode(node: NodeObject): void {
    const parsed = parseNode(node)
    const prefixes = parsed.podCidrs.map((prefix) => prefix.text)
    const addresses = parsed.addresses.map((address) => address.text)
    const known = this.#nodes.get(node.name)
    this.#nodes.set(node.name, { prefixes, addresses })
    if (node.name === this.#options.nodeName) {
      this.#leaving = node.leaving ?? false
      this.#options.proxy.setZone(node.zone ?? '')
      this.#options.proxy.setNodeAddresses(addresses)
    }
    // Heartbeats, which bring nothing new, must not cost what all Nodes together do.
    if (known?.prefixes.join() !== prefixes.join() || known.addresses.join() !== addresses.join())
      this.#applyNodes()
  }

  removeNode(name: string): void {
    if (name === this.#options.nodeName) this.#leaving = true
    this.#nodes.delete(name)
    this.#applyNodes()
  }

  setService(key: string, service: ServiceObject): void {
    this.#count()
    this.#vips.set(key, service)
    this.#options.metrics?.changed('service')
    this.#options.proxy.upsertService(service)
  }

  removeService(key: string): void {
    this.#vips.delete(key)
    this.#options.metrics?.changed('service')
    this.#options.proxy.deleteService(key)
  }

  setSlice(slice: EndpointSliceObject): void {
    this.#count()
    this.#options.metrics?.changed('endpoint', triggerTime(slice))
    this.#apiServer.setSlice(slice)
    this.#options.proxy.upsertSlice(slice)
  }

  removeSlice(key: string): void {
    this.#options.metrics?.changed('endpoint')
    this.#apiServer.removeSlice(key)
    this.#options.proxy.deleteSlice(key)
  }

  /** Everything of one kind has been handed over. */
  kindSynced(kind: string): void {
    this.#missing.delete(kind)
    if (kind === 'nodes') this.#applyNodes()
    this.#syncIfComplete()
  }

  #count(): void {
    if (++this.#objects === MANY_OBJECTS && !this.#synced) this.#options.onBusy?.()
  }

  #now(): number {
    return (this.#options.clock ?? systemClock).now()
  }

  #syncIfComplete(): void {
    if (!this.#started || this.#missing.size > 0 || this.#synced) return
    this.#options.proxy.synced().then(
      () => {
        this.#synced = true
        this.#log.info('Services are in place')
        this.#options.onSynced?.()
        this.#options.onChange()
      },
      (error: unknown) => this.#log.error('the first sync of Services failed', { error }),
    )
  }

  /** A first list of many Nodes is one change, not one for each. */
  #applyNodes(): void {
    if (this.#missing.has('nodes')) return
    const nodes = [...this.#nodes.values()]
    const addresses = [...new Set(nodes.flatMap((node) => node.addresses))].sort()
    this.#options.proxy.setClusterAddresses(addresses)
    // An nftables set of intervals takes no prefixes that overlap.
    const prefixes = outermost(
      nodes.flatMap((node) => node.prefixes),
      (text) => text,
    ).sort()
    if (prefixes.join() === this.#prefixes) return
    this.#prefixes = prefixes.join()
    this.#options.proxy.setPodCIDRs(prefixes)
  }
}
