/** Plans one Service at a time: from what the cluster says of it to claims and tables. It waits for nothing and writes nothing. */

import type { Service, ServiceKey } from '@podroute/cluster/objects/service.ts'
import type { ServiceIndex } from '@podroute/cluster/service-index.ts'
import type { ServedAddress } from '@podroute/feature/served-addresses.ts'
import type { ServerKey } from '@podroute/kernel/ipvs/keys.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { WantedKey } from '@podroute/reconcile/status.ts'
import { DrainingServices } from './claims/draining-services.ts'
import { Frontends } from './claims/frontends.ts'
import { HealthCheckPorts } from './health-checks/ports.ts'
import { Destinations } from './ipvs/destinations.ts'
import type { Frontend } from './plan/frontend.ts'
import type { Marks } from './plan/marks.ts'
import type { NodeView } from './plan/node-view.ts'
import { EMPTY_PLAN, planService, problemOf } from './plan/plan.ts'
import type { PostSync } from './post-sync/post-sync.ts'
import type { Problems } from './problems/problems.ts'
import type { ProxyKernel } from './proxy-kernel.ts'
import { servedAddresses } from './served.ts'
import type { ProxyTables } from './tables.ts'

export interface ServicePlannerOptions {
  readonly services: Pick<ServiceIndex, 'get' | 'slicesOf'>
  readonly node: NodeView
  readonly marks: Marks
  readonly tables: ProxyTables
  readonly ipvs: ProxyKernel['ipvs']
  readonly clock: Clock
  /** For how long what goes keeps its connections, in seconds, where its Service does not say. */
  readonly drain: number
  readonly problems: Problems
  readonly postSync: PostSync
  /** Something else follows from this Service now. */
  replan(key: ServiceKey): void
}

export class ServicePlanner implements Disposable {
  readonly #options: ServicePlannerOptions
  readonly destinations: Destinations
  readonly frontends: Frontends
  readonly #drainingServices: DrainingServices
  readonly #healthChecks: HealthCheckPorts
  /** Planned since this was asked last, and what of theirs is not in the kernel yet. */
  readonly #unserved = new Set<ServiceKey>()
  /** Services with endpoints that are refused unless Nodes have them. */
  readonly #dependentOnNodes = new Set<ServiceKey>()

  constructor(options: ServicePlannerOptions) {
    this.#options = options
    const { tables, node, ipvs, clock, drain, replan } = options
    this.destinations = new Destinations(tables.destinations, {
      ...{ clock, ipvs, drain },
      drained: (server) => this.#drainingServices.drained(this.frontends.ownerOf(server) ?? '', server),
    })
    this.#drainingServices = new DrainingServices({
      ...{ ipvs, replan },
      drains: (frontend) => this.destinations.drainOf(frontend) > 0 && frontend.destinations.length > 0,
    })
    this.frontends = new Frontends(tables, {
      sourceOf: (vip) => node.sourceOf(vip),
      changed: (before, after) => this.#changed(before, after),
      passed: replan,
    })
    this.#healthChecks = new HealthCheckPorts(tables.healthChecks)
  }

  /** Returns whether the Service wants anything else now. */
  plan(key: ServiceKey): boolean {
    this.#unserved.add(key)
    const service = this.#options.services.get(key)
    if (service) return this.#planService(service)
    return this.#drainingServices.isPending(key) ? false : this.#planDeleted(key)
  }

  /** What clients from outside meet at the addresses of a Service. */
  addressesOf(key: ServiceKey): readonly ServedAddress[] {
    const service = this.#options.services.get(key)
    return service ? servedAddresses(service, this.frontends.of(key), this.#options.tables) : []
  }

  /** After a flush: Services at whose addresses clients may meet something else now. */
  takeChanged(): readonly ServiceKey[] {
    const keys = [...this.#unserved]
    for (const key of keys)
      if (!this.addressesOf(key).some(({ answer }) => answer === 'pending')) this.#unserved.delete(key)
    return keys
  }

  *wants(key: ServiceKey): Iterable<WantedKey> {
    yield* this.frontends.wants(key)
    yield* this.#healthChecks.wants(key)
  }

  /** What may be planned otherwise when Nodes have other prefixes or addresses, beside what asks for these. */
  get dependentOnNodes(): Iterable<ServiceKey> {
    return this.#dependentOnNodes
  }

  /** A Service was deleted: once the kernel has said what connections it has, it is planned. */
  deleted(service: Service): void {
    this.#drainingServices.begin(service, this.frontends.of(service.key))
  }

  /** There is such a Service. */
  exists(key: ServiceKey): void {
    this.#drainingServices.end(key)
  }

  /** Resolves when nothing is asked of the kernel. */
  get settled(): Promise<unknown> {
    return this.#drainingServices.settled
  }

  [Symbol.dispose](): void {
    this.destinations[Symbol.dispose]()
  }

  #planService(service: Service): boolean {
    const { services, node, postSync, problems } = this.#options
    const { key } = service
    const plan = planService(service, services.slicesOf(key), node.context)
    const { refused, changed } = this.frontends.replace(key, plan.frontends)
    postSync.planned(key, service)
    const conflicts = refused.map((detail) => problemOf(service, 'CONFLICT', detail))
    problems.replace(`plan ${key}`, [...plan.problems, ...conflicts])
    if (plan.dependsOnNodes) this.#dependentOnNodes.add(key)
    else this.#dependentOnNodes.delete(key)
    return this.#healthChecks.replace(service, plan.healthCheck) || changed
  }

  #planDeleted(key: ServiceKey): boolean {
    this.#dependentOnNodes.delete(key)
    const { node, postSync, problems } = this.#options
    const kept = this.#drainingServices.frontends(key, node.context)
    const { refused, changed } = this.frontends.replace(key, kept)
    if (kept.length === 0) this.#drainingServices.end(key)
    else this.#letGo(key, refused)
    postSync.planned(key, undefined)
    problems.replace(`plan ${key}`, EMPTY_PLAN.problems)
    return this.#healthChecks.replace({ key, created: 0 }, undefined) || changed
  }

  /** What another Service has now, or nothing drains of, is kept no longer. */
  #letGo(key: ServiceKey, refused: readonly ServerKey[]): void {
    this.#drainingServices.lost(key, refused)
    for (const server of this.#drainingServices.serversOf(key))
      if (!this.destinations.isDraining(server)) this.#drainingServices.drained(key, server)
  }

  #changed(before: Frontend | undefined, after: Frontend | undefined): void {
    this.destinations.change(before, after)
    this.#options.postSync.changed(before, after)
    const mark = before?.server.fwmark
    if (mark !== undefined && !after) this.#options.marks.free(mark)
  }
}
