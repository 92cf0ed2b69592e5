/** The service proxy's life in the agent: started when the kernel can, fed from the API, asked whether it works. */
import { outermost } from '@podroute/pod-network/plan/cover.ts'
import type { NodeObject } from '@podroute/pod-network/plan/node.ts'
import { parseNode } from '@podroute/pod-network/plan/node.ts'
import type { ServiceProxy } from '@podroute/service-proxy/proxy.ts'
import type { EndpointSliceObject, ServiceObject } from '@podroute/service-proxy/types.ts'
import type { Logger } from './log.ts'
import { VipSet } from './vips.ts'
import { backoff, pause } from './watch/backoff.ts'

/** What the agent uses of the service proxy. */
export type UsedProxy = Pick<
  ServiceProxy,
  | 'start'
  | 'synced'
  | 'setNodeAddresses'
  | 'setClusterAddresses'
  | 'setPodCIDRs'
  | 'setZone'
  | 'upsertService'
  | 'deleteService'
  | 'upsertSlice'
  | 'deleteSlice'
  | 'snapshot'
  | 'stats'
  | 'problems'
  | typeof Symbol.asyncDispose
>

export interface ServiceRunnerOptions {
  readonly nodeName: string
  readonly proxy: UsedProxy
  readonly log: Logger
  readonly random: () => number
  /** What `problem` says has changed. */
  onChange(): void
  /** Resolves after so many milliseconds, or when the signal aborts. */
  readonly pause?: typeof pause
}

interface NodeFacts {
  readonly prefixes: readonly string[]
  readonly addresses: readonly string[]
}

const RETRY = { first: 1000, max: 60_000 }

export class ServiceRunner {
  readonly #options: ServiceRunnerOptions
  readonly #log: Logger
  readonly #nodes = new Map<string, NodeFacts>()
  readonly #vips = new VipSet()
  readonly #missing = new Set(['nodes', 'services', 'endpointslices'])
  #prefixes = ''
  #started = false
  #synced = false
  #startProblem: string | undefined

  constructor(options: ServiceRunnerOptions) {
    this.#options = options
    this.#log = options.log
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

  isVip(address: string): boolean {
    return this.#vips.has(address)
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
        if (problem !== this.#startProblem) this.#log.error('Services do not work on this node', { error })
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
      this.#options.proxy.setZone(node.zone ?? '')
      this.#options.proxy.setNodeAddresses(addresses)
    }
    // Heartbeats, which bring nothing new, must not cost what all Nodes together do.
    if (known?.prefixes.join() !== prefixes.join() || known.addresses.join() !== addresses.join())
      this.#applyNodes()
  }

  removeNode(name: string): void {
    this.#nodes.delete(name)
    this.#applyNodes()
  }

  setService(key: string, service: ServiceObject): void {
    this.#vips.set(key, service)
    this.#options.proxy.upsertService(service)
  }

  removeService(key: string): void {
    this.#vips.delete(key)
    this.#options.proxy.deleteService(key)
  }

  setSlice(slice: EndpointSliceObject): void {
    this.#options.proxy.upsertSlice(slice)
  }

  removeSlice(key: string): void {
    this.#options.proxy.deleteSlice(key)
  }

  /** Everything of one kind has been handed over. */
  kindSynced(kind: string): void {
    this.#missing.delete(kind)
    if (kind === 'nodes') this.#applyNodes()
    this.#syncIfComplete()
  }

  #syncIfComplete(): void {
    if (!this.#started || this.#missing.size > 0 || this.#synced) return
    this.#options.proxy.synced().then(
      () => {
        this.#synced = true
        this.#log.info('Services are in place')
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
