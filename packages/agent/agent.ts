/** The agent: connects the parts, starts them in order, ends them in the reverse one. */

import type { ApiServerFinder } from '@podroute/cluster/api/finder.ts'
import { ENDPOINT_SLICES, NODES, SERVICES } from '@podroute/cluster/watch/kinds.ts'
import {
  type ResourceHandler,
  type ResourceKind,
  ResourceWatch,
} from '@podroute/cluster/watch/resource-watch.ts'
import type { PodNetwork } from '@podroute/pod-network/pod-network.ts'
import type { AgentState } from './admin/pages.ts'
import { adminPages } from './admin/pages.ts'
import { agentConditions } from './conditions.ts'
import type { Config, Listen } from './config/load.ts'
import { AgentError } from './errors.ts'
import { healthPages } from './health.ts'
import { type HttpListener, type ListenAt, serve } from './http.ts'
import type { Logger } from './log.ts'
import { createRegistry, metricsPage } from './metrics/registry.ts'
import { proxyHealthPages } from './proxy-health.ts'
import type { ServiceRunner } from './services.ts'

export interface AgentParts {
  readonly config: Config
  readonly version: string
  readonly log: Logger
  readonly finder: ApiServerFinder
  readonly network: PodNetwork | undefined
  readonly services: ServiceRunner | undefined
}

export class Agent implements AsyncDisposable {
  readonly #parts: AgentParts
  readonly #log: Logger
  readonly #stop = new AbortController()
  readonly #watches: ResourceWatch<never>[] = []
  readonly #tasks: Promise<void>[] = []
  readonly #listeners: HttpListener[] = []
  #apiServer = ''

  constructor(parts: AgentParts) {
    this.#parts = parts
    this.#log = parts.log
  }

  get state(): AgentState {
    const { version, config, network, services } = this.#parts
    return {
      version,
      nodeName: config.nodeName,
      network,
      services,
      apiServer: () => this.#apiServer,
      watches: () => this.#watches.map((watch) => watch.status),
    }
  }

  /** @throws AgentError (listen), KernelError */
  async start(): Promise<void> {
    const { network, services, config } = this.#parts
    // What takes longest begins first: asking the API server, and loading modules. Else the kernel is not touched before it is known
    // that no other agent runs.
    if (services) this.#followServices(services)
    services?.proxy.prepare()
    await this.#listen()
    await network?.start()
    if (services) this.#tasks.push(services.run(this.#stop.signal))
    this.#follow(NODES, {
      upsert: (_key, node) => {
        network?.setNode(node)
        services?.setNode(node)
      },
      remove: (name) => {
        network?.removeNode(name)
        services?.removeNode(name)
      },
      synced: () => {
        network?.nodesSynced()
        services?.kindSynced('nodes')
      },
    })
    this.#log.info('agent started', { version: this.#parts.version, node: config.nodeName })
  }

  /** Ends sessions and listeners; what the kernel was given stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await Promise.allSettled(this.#tasks)
    await this.#parts.services?.proxy[Symbol.asyncDispose]()
    await this.#parts.network?.[Symbol.asyncDispose]()
    for (const listener of this.#listeners) await listener[Symbol.asyncDispose]()
  }

  #followServices(services: ServiceRunner): void {
    this.#follow(SERVICES, {
      upsert: (key, service) => services.setService(key, service),
      remove: (key) => services.removeService(key),
      synced: () => services.kindSynced('services'),
    })
    this.#follow(ENDPOINT_SLICES, {
      upsert: (_key, slice) => services.setSlice(slice),
      remove: (key) => services.removeSlice(key),
      synced: () => services.kindSynced('endpointslices'),
    })
  }

  #follow<T>(kind: ResourceKind<T>, handler: ResourceHandler<T>): void {
    const watch = new ResourceWatch(kind, handler, { log: this.#log, random: Math.random })
    this.#watches.push(watch as unknown as ResourceWatch<never>)
    const { finder } = this.#parts
    const source = {
      client: async () => {
        const client = await finder.client()
        this.#apiServer = client.server
        return client
      },
      failed: (error: unknown) => finder.failed(error),
    }
    this.#tasks.push(watch.run(source, this.#stop.signal))
  }

  async #listen(): Promise<void> {
    const { config, network, services } = this.#parts
    const { state } = this
    const conditions = { conditions: () => agentConditions(network, services) }
    await this.#serve('health', tcp(config.health), healthPages(conditions))
    await this.#serve('adminSocket', { kind: 'unix', path: config.adminSocket }, adminPages(state))
    await this.#serveProxyHealth()
    if (config.metrics.port !== 0)
      await this.#serve('metrics', tcp(config.metrics), metricsPage(createRegistry(state)))
  }

  async #serveProxyHealth(): Promise<void> {
    const { config, services } = this.#parts
    const at = config.serviceProxy?.health
    if (!services || !at || at.port === 0) return
    const source = {
      health: () => services.health(),
      answered: (page: 'healthz' | 'livez', status: number) => services.metrics?.answered(page, status),
    }
    await this.#serve(
      'serviceProxy.health',
      tcp(at),
      proxyHealthPages(source, () => new Date()),
    )
  }

  /** @param setting of the configuration that says where */
  async #serve(setting: string, at: ListenAt, handler: Parameters<typeof serve>[1]): Promise<void> {
    const listener = await serve(at, handler).catch((cause: unknown) => {
      throw new AgentError('listen', `cannot serve what "${setting}" of the configuration names`, { cause })
    })
    this.#listeners.push(listener)
  }
}

function tcp({ address, port }: Listen): ListenAt {
  return { kind: 'tcp', address, port }
}
