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

export interface DepartureOptions {
  readonly ipvs: Pick<IpvsApi, 'destinations'>
  /** Whether connections of a frontend are let end. */
  drains(frontend: Frontend): boolean
  /** It is known now what is to be kept of this Service, or there is less. */
  planAgain(key: ServiceKey): void
}

interface Departure {
  readonly service: Service
  /** Virtual servers that have connections, each with the key of its frontend. */
  readonly servers: Map<ServerKey, ServerKey>
}

export class Departures {
  readonly #options: DepartureOptions
  readonly #departures = new Map<ServiceKey, Departure>()
  readonly #asking = new Map<ServiceKey, Promise<void>>()

  constructor(options: DepartureOptions) {
    this.#options = options
  }

  /** A Service is gone. @param frontends that it holds still */
  begin(service: Service, frontends: readonly Frontend[]): void {
    const { planAgain } = this.#options
    const departure = { service, servers: new Map<ServerKey, ServerKey>() }
    this.#departures.set(service.key, departure)
    const asking = this.#ask(departure, frontends)
      // What cannot be asked goes at once.
      .catch(() => undefined)
      .finally(() => {
        if (this.#asking.get(service.key) === asking) this.#asking.delete(service.key)
        planAgain(service.key)
      })
    this.#asking.set(service.key, asking)
  }

  /** It is back, or nothing of it is left. */
  end(key: ServiceKey): void {
    this.#departures.delete(key)
    this.#asking.delete(key)
  }

  /** Other Services have these frontends now. */
  lost(key: ServiceKey, frontends: readonly ServerKey[]): void {
    const departure = this.#departures.get(key)
    if (!departure || frontends.length === 0) return
    for (const [server, frontend] of departure.servers)
      if (frontends.includes(frontend)) departure.servers.delete(server)
    this.#options.planAgain(key)
  }

  /** The last connection of a virtual server is over. */
  drained(key: ServiceKey, server: ServerKey): void {
    if (this.#departures.get(key)?.servers.delete(server)) this.#options.planAgain(key)
  }

  /** Whether the kernel has not yet said what connections there are: everything stays until then. */
  isAsking(key: ServiceKey): boolean {
    return this.#asking.has(key)
  }

  /** Resolves when the kernel has answered. */
  get settled(): Promise<unknown> {
    return Promise.all(this.#asking.values())
  }

  /** What is kept of a Service that is gone: without endpoints, so that new clients are refused. */
  frontends(key: ServiceKey, context: PlanContext): readonly Frontend[] {
    const departure = this.#departures.get(key)
    if (!departure || departure.servers.size === 0) return []
    const kept = new Set(departure.servers.values())
    return planService(departure.service, [], context)
      .frontends.filter((frontend) => kept.has(frontend.key))
      .map((frontend) => ({ ...frontend, leaving: true }))
  }

  async #ask({ servers }: Departure, frontends: readonly Frontend[]): Promise<void> {
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
