/**
 * Services that were deleted while clients are connected: nothing new gets in, what is open goes on until it ends or the time of a drain
 * is over, as with an endpoint that goes. Their addresses are anybody's meanwhile.
 */
import type { Service, ServiceKey } from '@podroute/cluster/objects/service.ts'
import type { ServerKey } from '@podroute/kernel/ipvs/keys.ts'
import type { IpvsApi } from '@podroute/kernel/kernel.ts'
import type { PlanContext } from '../plan/context.ts'
import type { Frontend } from '../plan/frontend.ts'
import { planService } from '../plan/plan.ts'

export interface DrainingServicesOptions {
  readonly ipvs: Pick<IpvsApi, 'destinations'>
  /** Whether connections of a frontend are let end. */
  drains(frontend: Frontend): boolean
  /** It is known now what is to be kept of this Service, or there is less. */
  replan(key: ServiceKey): void
}

interface DrainingService {
  readonly service: Service
  /** Virtual servers that have connections, each with the key of its frontend. */
  readonly servers: Map<ServerKey, ServerKey>
}

export class DrainingServices {
  readonly #options: DrainingServicesOptions
  readonly #draining = new Map<ServiceKey, DrainingService>()
  readonly #reading = new Map<ServiceKey, Promise<void>>()

  constructor(options: DrainingServicesOptions) {
    this.#options = options
  }

  /** A Service is gone. @param frontends that it holds still */
  begin(service: Service, frontends: readonly Frontend[]): void {
    const { replan } = this.#options
    const draining = { service, servers: new Map<ServerKey, ServerKey>() }
    this.#draining.set(service.key, draining)
    const reading = this.#readConnections(draining, frontends)
      // What cannot be asked goes at once.
      .catch(() => undefined)
      .finally(() => {
        if (this.#reading.get(service.key) === reading) this.#reading.delete(service.key)
        replan(service.key)
      })
    this.#reading.set(service.key, reading)
  }

  /** It is back, or nothing of it is left. */
  end(key: ServiceKey): void {
    this.#draining.delete(key)
    this.#reading.delete(key)
  }

  /** Other Services have these frontends now. */
  lost(key: ServiceKey, frontends: readonly ServerKey[]): void {
    const draining = this.#draining.get(key)
    if (!draining || frontends.length === 0) return
    for (const [server, frontend] of draining.servers)
      if (frontends.includes(frontend)) draining.servers.delete(server)
    this.#options.replan(key)
  }

  /** Virtual servers that are kept of it, also those for clients outside the cluster, which no plan may name any more. */
  serversOf(key: ServiceKey): readonly ServerKey[] {
    return [...(this.#draining.get(key)?.servers.keys() ?? [])]
  }

  /** The last connection of a virtual server is over. */
  drained(key: ServiceKey, server: ServerKey): void {
    if (this.#draining.get(key)?.servers.delete(server)) this.#options.replan(key)
  }

  /** Whether the kernel has not yet said what connections there are: everything stays until then. */
  isPending(key: ServiceKey): boolean {
    return this.#reading.has(key)
  }

  /** Resolves when the kernel has answered. */
  get settled(): Promise<unknown> {
    return Promise.all(this.#reading.values())
  }

  /** What is kept of a Service that is gone: without endpoints, so that new clients are refused. */
  frontends(key: ServiceKey, context: PlanContext): readonly Frontend[] {
    const draining = this.#draining.get(key)
    if (!draining || draining.servers.size === 0) return []
    const kept = new Set(draining.servers.values())
    return planService(draining.service, [], context)
      .frontends.filter((frontend) => kept.has(frontend.key))
      .map((frontend) => ({ ...frontend, draining: true }))
  }

  async #readConnections({ servers }: DrainingService, frontends: readonly Frontend[]): Promise<void> {
    for (const frontend of frontends) {
      for (const { key, server } of both(frontend).filter(this.#options.drains)) {
        const destinations = await this.#options.ipvs.destinations(server)
        // Those that the kernel counts as inactive are closed already, such as in TIME_WAIT for two minutes.
        if (destinations.some(({ activeConnections }) => activeConnections > 0))
          servers.set(key, frontend.key)
      }
    }
  }
}

function both(frontend: Frontend): readonly Frontend[] {
  return frontend.outside ? [frontend, frontend.outside] : [frontend]
}
