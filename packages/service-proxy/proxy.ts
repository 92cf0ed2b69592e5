/** The service proxy: API objects in, kernel state out. */

import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import type { Service, ServiceKey } from '@podroute/cluster/objects/service.ts'
import type { ServedAddress } from '@podroute/feature/served-addresses.ts'
import { TABLE } from '@podroute/kernel/nft/table-resource.ts'
import { type Clock, systemClock } from '@podroute/reconcile/clock.ts'
import { Controller } from '@podroute/reconcile/controller.ts'
import type { PendingChange } from '@podroute/reconcile/flush-order.ts'
import type { AuditRequest, Drift, FlushResult, TableStats } from '@podroute/reconcile/table.ts'
import { evict } from './claims/evictions.ts'
import { PodRanges } from './claims/pod-ranges.ts'
import { countServices } from './counts.ts'
import { ServiceProxyError } from './errors.ts'
import type { ServiceCounts } from './metrics.ts'
import { hasIpvs, loadModules, type MissingModules, requireIpvs } from './modules.ts'
import type { ProxySettings, ServiceProxyOptions } from './options.ts'
import { tuningOf } from './parse/annotations.ts'
import { serviceProblems, sliceProblems } from './parse/problems.ts'
import { API_SERVER_SERVICE } from './plan/api-server-endpoints.ts'
import { Marks } from './plan/marks.ts'
import { NodeView } from './plan/node-view.ts'
import { PostSync } from './post-sync/post-sync.ts'
import { Problems } from './problems/problems.ts'
import { UNHEALTHY_AFTER } from './proxy-health.ts'
import type { ProxyKernel } from './proxy-kernel.ts'
import { SERVICE_TABLE } from './rules/table.ts'
import { ServicePlanner } from './service-planner.ts'
import { OPTIONAL_SYSCTLS, SYSCTLS } from './settings.ts'
import type { ServiceSnapshot } from './snapshot.ts'
import { snapshotOf } from './snapshot.ts'
import type { ProxyTables } from './tables.ts'
import { flushOrder, groupWithoutIpvs, makeTables, watchKernel } from './tables.ts'
import type { Problem } from './types.ts'

const DEFAULT_COALESCE = 5
/** What comes all the time shares the cost of a flush: at 200 changes a second five of them do. */
const DEFAULT_INTERVAL = 25
/** As long as Pods have for their own end by default. */
const DEFAULT_DRAIN = 30
/** What nobody announces is repaired within ten seconds. */
const DEFAULT_AUDIT_PAUSE = 8000

export type { ServiceProxyOptions } from './options.ts'

export class ServiceProxy implements AsyncDisposable {
  readonly #options: ServiceProxyOptions
  readonly #clock: Clock
  readonly #tables: ProxyTables & AsyncDisposable
  readonly #planner: ServicePlanner
  readonly #controller: Controller<ServiceKey>
  readonly #problems: Problems
  readonly #marks = new Marks()
  readonly #node: NodeView
  readonly #podRanges: PodRanges
  readonly #postSync: PostSync
  #takeOver: boolean
  #watching: Disposable | undefined
  #adopted = false
  #synced = false
  #stopped = false
  #modules: Promise<MissingModules> | undefined

  constructor(options: ServiceProxyOptions) {
    this.#options = options
    const clock = options.clock ?? systemClock
    this.#clock = clock
    this.#takeOver = options.takeOver ?? false
    this.#tables = makeTables(
      options.kernel,
      options,
      () => this.isHealthy(),
      () => this.#takeOver,
    )
    this.#podRanges = new PodRanges(this.#tables.elements)
    const podRanges = this.#podRanges
    this.#node = new NodeView({ ...options, podRanges, markOf: (name) => this.#marks.of(name) })
    this.#problems = new Problems((problem) => options.onProblem?.(problem))
    this.#postSync = new PostSync({
      ...{ kernel: options.kernel, log: options.log, tables: this.#tables },
      ...{ services: options.services, problems: this.#problems },
      missingScheduler: (name) => this.#missingScheduler(name),
    })
    this.#planner = new ServicePlanner({
      ...{ services: options.services, node: this.#node, marks: this.#marks, tables: this.#tables, clock },
      ...{ ipvs: options.kernel.ipvs, drain: options.drain ?? DEFAULT_DRAIN },
      ...{ problems: this.#problems, postSync: this.#postSync },
      replan: (key) => this.#controller.mark(key),
    })
    this.#controller = new Controller({
      ...options,
      tables: flushOrder(this.#tables),
      // All else waits for it.
      first: API_SERVER_SERVICE,
      coalesce: options.coalesce ?? DEFAULT_COALESCE,
      interval: options.interval ?? DEFAULT_INTERVAL,
      auditPause: options.auditPause ?? DEFAULT_AUDIT_PAUSE,
      plan: (key) => !this.#stopped && this.#planner.plan(key),
      wants: (key) => this.#planner.wants(key),
      problems: (key) => this.#problems.of(key).map(({ code, detail }) => `${code} ${detail}`),
      onFlushed: (result, milliseconds) => this.#flushed(result, milliseconds),
    })
  }

  /** Begins with what `start` waits for longest and nobody notices: loading modules. May be left out. */
  prepare(): void {
    this.#modules ??= loadModules(this.#options.kernel)
  }

  /**
   * Prepares the kernel and takes over what an earlier run left in it; writes no Service yet. May be called again after it failed.
   * @throws ServiceProxyError NO_IPVS or NO_NFTABLES, saying what to do
   */
  async start(): Promise<void> {
    const { kernel, log } = this.#options
    this.prepare()
    const missing = await this.#modules!
    this.#modules = undefined
    await requireIpvs(kernel, missing, log)
    for (const [name, value] of wantedSysctls(kernel)) this.#tables.sysctls.set(name, value)
    this.#tables.rules.set(TABLE, SERVICE_TABLE)
    await this.#tables.sysctls.adopt()
    await this.#tables.sysctls.flush()
    await this.#loadRules()
    const { servers, destinations, affinities, elements, vips, formerRules } = this.#tables
    for (const table of [servers, destinations, affinities, elements, vips, formerRules]) await table.adopt()
    this.#watching ??= watchKernel(kernel, this.#tables, () => this.#readAddresses())
    await this.#readAddresses()
    this.#adopted = true
    await this.#evict()
  }

  /**
   * A Service, or one of its slices, came, changed or went: `services` knows of it already.
   * @param gone the Service as it was last, where it went
   */
  serviceChanged(key: ServiceKey, gone?: Service): void {
    const { services } = this.#options
    if (services.get(key)) this.#planner.exists(key)
    else if (gone && this.#synced) this.#planner.deleted(gone)
    const slices = services.slicesOf(key).flatMap(sliceProblems)
    this.#problems.replace(`objects ${key}`, [...serviceProblems(services.get(key)), ...slices])
    // Before the first sync they are not all known; then all are planned.
    if (this.#synced) this.#controller.mark(key)
  }

  /** A Node came, changed or went: `nodes` knows of it already. No address but a ClusterIP is taken from a Node or a pod. */
  nodeChanged(before: ClusterNode | undefined, after: ClusterNode | undefined): void {
    this.podPrefixesChanged((after ?? before)!.name)
    if (!this.#synced) return
    const { services } = this.#options
    // All of them: another one may be the first, which is the Node's beyond doubt.
    for (const node of [before, after])
      for (const { text } of node?.addresses ?? []) this.#markAll(services.claimantsOfAddress(text))
    for (const key of this.#planner.dependentOnNodes) this.#controller.mark(key)
  }

  /** The pods of a Node have other prefixes, which `podPrefixes`, or else `nodes`, says already. */
  podPrefixesChanged(node: string): void {
    const { nodes, podPrefixes, services } = this.#options
    const prefixes = podPrefixes.of(node) ?? nodes.get(node)?.podCidrs ?? []
    const changed = this.#podRanges.replace(node, prefixes)
    if (!this.#synced || changed.length === 0) return
    for (const prefix of changed) this.#markAll(services.claimantsInRange(prefix))
    for (const key of this.#planner.dependentOnNodes) this.#controller.mark(key)
  }

  /** Ranges of ClusterIPs, beside those of the configuration: no other address is taken from them. */
  setServiceCIDRs(ranges: readonly string[]): void {
    if (this.#node.update({ serviceCIDRs: ranges })) this.#replan(hasForeignAddress)
  }

  /** The node's addresses, its primary one of each family first. */
  setNodeAddresses(addresses: readonly string[]): void {
    if (!this.#node.update({ nodeAddresses: addresses })) return
    this.#planner.frontends.refreshSources()
    this.#replan()
  }

  /**
   * Addresses came to be reserved, or not to be, which `reserved` says already. What has one of them leaves the kernel at once, also
   * what an earlier run put there.
   */
  reservedChanged(addresses: readonly string[]): void {
    if (addresses.length === 0) return
    if (this.#synced) {
      for (const address of addresses) this.#markAll(this.#options.services.claimantsOfAddress(address))
      // Its endpoints may be the BGP port of a router.
      for (const key of this.#planner.dependentOnNodes) this.#controller.mark(key)
    }
    this.#evict().catch((error: Error) =>
      this.#options.log?.warn('reserved addresses could not be freed', { error: error.message }),
    )
  }

  /** Nodes and routers speak BGP at other ports, which `reserved` says already. */
  bgpPortsChanged(): void {
    this.#replan()
  }

  /** The topology zone of the node; empty where it has none. */
  setZone(zone: string): void {
    if (this.#node.update({ zone })) this.#replan()
  }

  /**
   * Call it once all Services and slices that exist have been handed over: from here on the kernel follows, and what it still
   * holds of earlier Services goes. Resolves after the first flush.
   */
  async synced(): Promise<void> {
    if (this.#synced) return
    this.#synced = true
    this.#replan()
    await this.#controller.settle()
    this.#planner.destinations.adopt((key) => this.#planner.frontends.at(key))
    this.#controller.sweep()
    await this.#controller.flush()
    this.#controller.start()
  }

  /** Sends what is due now, without waiting for the moment at which it would happen by itself. */
  async flush(): Promise<FlushResult> {
    await this.#planner.settled
    const result = await this.#controller.flush()
    await this.#postSync.settled
    return result
  }

  /** Compares the kernel with what was put there, and repairs it unless told not to. */
  audit(request: AuditRequest = {}): Promise<ReadonlyMap<string, readonly Drift<string>[]>> {
    return this.#controller.audit(request)
  }

  /** What is done for each Service, and since when it is in place. */
  snapshot(): readonly ServiceSnapshot[] {
    return snapshotOf({
      services: this.#options.services.values(),
      frontends: this.#planner.frontends,
      statusOf: (key) => this.#controller.status(key),
      now: this.#clock.now(),
    })
  }

  /** What clients from outside meet at the addresses of a Service that are served here. */
  addressesOf(service: ServiceKey): readonly ServedAddress[] {
    return this.#planner.addressesOf(service)
  }

  /** Takes what an operator may change while it runs; what differs is planned again. */
  configure(settings: ProxySettings): void {
    this.#planner.destinations.configure(settings.drain ?? DEFAULT_DRAIN)
    const takes = settings.takeOver === true && !this.#takeOver
    this.#takeOver = settings.takeOver ?? false
    if (this.#node.configure(settings)) this.#replan()
    if (takes) this.#wantServersAgain()
  }

  /** How many Services and slices it knows. */
  get size(): { readonly services: number; readonly slices: number } {
    return this.#options.services.size
  }

  /** What is still to be changed, table by table in the order in which it will be. */
  pending(): Iterable<PendingChange> {
    return this.#controller.pending()
  }

  stats(): Readonly<Record<string, TableStats>> {
    return this.#controller.stats()
  }

  problems(): readonly Problem[] {
    return this.#problems.all()
  }

  /** What is counted when metrics are scraped: cheaper than a snapshot. */
  counts(): ServiceCounts {
    return countServices({
      services: this.#options.services.values(),
      frontends: this.#planner.frontends,
      problems: this.#problems.all(),
      servers: this.stats().servers?.applied ?? 0,
    })
  }

  /** Since when the oldest change waits, in milliseconds of the clock; undefined when none does. */
  oldestPending(): number | undefined {
    return this.#controller.oldestPending()
  }

  /** Whether changes reach the kernel in time. */
  isHealthy(): boolean {
    const oldest = this.#controller.oldestPending()
    return oldest === undefined || this.#clock.now() - oldest < UNHEALTHY_AFTER
  }

  /**
   * Follows nothing any more, and removes everything of ours from the kernel, settings excepted. May be called again after it failed.
   * @throws ServiceProxyError LEFT_BEHIND
   */
  async cleanup(): Promise<FlushResult> {
    this.#stop()
    // Without IPVS none of ours is in it, and it cannot be asked.
    const ipvs = await hasIpvs(this.#options.kernel)
    const all = ipvs ? this.#controller : groupWithoutIpvs(this.#tables, this.#options)
    await all.adopt()
    const result = await all.clear()
    for (const { table, key, error } of all.pending())
      if (error !== '') throw new ServiceProxyError('LEFT_BEHIND', `${table} ${key}: ${error}`)
    return result
  }

  /** Stops following; the kernel keeps what it has. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop()
    await this.#controller[Symbol.asyncDispose]()
    await this.#tables[Symbol.asyncDispose]()
  }

  #stop(): void {
    this.#stopped = true
    this.#watching?.[Symbol.dispose]()
    this.#planner[Symbol.dispose]()
  }

  async #loadRules(): Promise<void> {
    const { rules } = this.#tables
    await rules.adopt()
    await rules.flush()
    for (const [, cause] of rules.failures()) {
      throw new ServiceProxyError('NO_NFTABLES', `nftables refused the base rules: ${cause.message}`, {
        cause,
      })
    }
  }

  /** What others held back is tried at once. */
  #wantServersAgain(): void {
    const { servers } = this.#tables
    for (const [key] of [...servers.failures()]) {
      const wanted = servers.get(key)
      if (wanted) servers.set(key, wanted)
    }
  }

  /** Until the first sync nothing else is sent: what is there may be wanted by Services that are yet to be told. */
  async #evict(): Promise<void> {
    if (!this.#adopted || this.#synced || evict(this.#tables, this.#node.context) === 0) return
    await this.#controller.flush()
  }

  #flushed(result: FlushResult, milliseconds: number): void {
    this.#postSync.flushed(this.#planner.frontends)
    const served = this.#planner.takeChanged()
    if (served.length > 0) this.#options.onServed?.(served)
    this.#options.onFlushed?.(result, milliseconds)
  }

  #replan(which?: (service: Service) => boolean): void {
    if (!this.#synced) return
    for (const service of this.#options.services.values())
      if (!which || which(service)) this.#controller.mark(service.key)
  }

  #markAll(services: readonly Service[]): void {
    for (const { key } of services) this.#controller.mark(key)
  }

  /** Addresses of interfaces are read again whenever one of them changes. */
  async #readAddresses(): Promise<void> {
    try {
      const { reachable, leftOvers } = await this.#options.kernel.hostAddresses()
      if (this.#node.update({ kernelAddresses: [...reachable].sort() })) this.#replan()
      this.#options.onLeftOvers?.(leftOvers)
    } catch (error) {
      this.#options.log?.warn('addresses could not be read', { error: (error as Error).message })
    }
  }

  #missingScheduler(name: string): void {
    const missingSchedulers = [...this.#node.context.missingSchedulers, name]
    if (this.#node.update({ missingSchedulers }))
      this.#replan((service) => tuningOf(service).scheduler === name)
  }
}

function wantedSysctls({ sysctls }: ProxyKernel): (readonly [string, string])[] {
  const optional = Object.entries(OPTIONAL_SYSCTLS).filter(([name]) => sysctls.read(name) !== undefined)
  return [...Object.entries(SYSCTLS), ...optional]
}

/** Whether it asks for an address that may turn out to be somebody else's. */
function hasForeignAddress({ externalIPs, ingressIPs }: Service): boolean {
  return externalIPs.length > 0 || ingressIPs.length > 0
}
