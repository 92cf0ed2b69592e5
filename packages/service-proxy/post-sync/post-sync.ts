/** What follows a flush, when the kernel knows the endpoints: old UDP flows are forgotten, and what did not work becomes a problem. */

import type { Service, ServiceKey } from '@podroute/cluster/objects/service.ts'
import type { ServiceIndex } from '@podroute/cluster/service-index.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import { codeOf } from '@podroute/reconcile/resource.ts'
import type { Frontends } from '../claims/frontends.ts'
import type { Frontend } from '../plan/frontend.ts'
import { problemOf } from '../plan/plan.ts'
import type { Problems } from '../problems/problems.ts'
import type { ProxyKernel } from '../proxy-kernel.ts'
import { DEFAULT_SCHEDULER } from '../settings.ts'
import type { ProxyTables } from '../tables.ts'
import type { Problem } from '../types.ts'
import { NodePorts } from './node-ports.ts'
import { UdpFlows } from './udp-flows.ts'

export interface PostSyncOptions {
  readonly kernel: ProxyKernel
  readonly log: Logger | undefined
  readonly tables: ProxyTables
  readonly services: Pick<ServiceIndex, 'get'>
  readonly problems: Problems
  /** The kernel has none of this name. */
  missingScheduler(name: string): void
}

export class PostSync {
  readonly #options: PostSyncOptions
  readonly #udpFlows = new UdpFlows()
  readonly #nodePorts = new NodePorts()
  #under: Promise<void> = Promise.resolve()

  constructor(options: PostSyncOptions) {
    this.#options = options
  }

  /** Resolves when what followed the last flush is over. */
  get settled(): Promise<void> {
    return this.#under
  }

  planned(key: ServiceKey, service: Service | undefined): void {
    this.#nodePorts.note(key, service)
    if (!service) this.#options.problems.replace(`ports ${key}`, [])
  }

  changed(before: Frontend | undefined, after: Frontend | undefined): void {
    this.#udpFlows.change(before, after)
  }

  /** @param frontends who holds what */
  flushed(frontends: Frontends): void {
    const { kernel, log, problems } = this.#options
    this.#under = Promise.all([
      this.#udpFlows.clean(kernel.flows),
      this.#nodePorts.check(() => kernel.boundPorts()),
    ]).then(
      ([forgotten, clashes]) => {
        if (forgotten > 0) log?.debug('flows forgotten', { forgotten })
        for (const [key, found] of clashes) problems.replace(`ports ${key}`, found)
      },
      (error: Error) => log?.warn('flows or ports could not be looked at', { error: error.message }),
    )
    this.#reportHealthChecks()
    this.#reportServers(frontends)
  }

  #reportHealthChecks(): void {
    const { tables, services, problems } = this.#options
    const found: Problem[] = []
    for (const [port] of tables.healthChecks.failures()) {
      const check = tables.healthChecks.get(port)
      const service = check && services.get(`${check.namespace}/${check.name}`)
      if (service) found.push(problemOf(service, 'PORT_IN_USE', `healthCheckNodePort ${port}`))
    }
    problems.replace('health checks', found)
  }

  /** Somebody else's virtual server at the same place; or a scheduler that the kernel lacks, which planning does without then. */
  #reportServers(frontends: Frontends): void {
    const { tables, services, problems, missingScheduler } = this.#options
    const found: Problem[] = []
    for (const [key, error] of tables.servers.failures()) {
      const { message } = error
      const scheduler = tables.servers.get(key)?.scheduler
      if (codeOf(error) === 'ENOENT' && scheduler !== undefined && scheduler !== DEFAULT_SCHEDULER) {
        missingScheduler(scheduler)
        continue
      }
      const service = services.get(frontends.ownerOf(key) ?? '')
      if (service) found.push(problemOf(service, 'KERNEL_REFUSED', `${key}: ${message}`))
    }
    problems.replace('virtual servers', found)
  }
}
