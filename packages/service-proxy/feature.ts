/** The service proxy as a feature of the agent. */
import { condition } from '@podroute/feature/condition.ts'
import type { Feature, FeatureContext, FeatureDefinition } from '@podroute/feature/feature.ts'
import type { Listener } from '@podroute/feature/listener.ts'
import type { DeclareMetric } from '@podroute/feature/metric.ts'
import type { Hop, HopsTo, SummaryLine } from '@podroute/feature/page.ts'
import { ProxyMetrics } from './metrics.ts'
import { servicesPage } from './page.ts'
import { API_SERVER_SERVICE, ApiServerEndpoints } from './plan/api-server-endpoints.ts'
import { leftOverStatement, nodeStatement, statementOf } from './problems/events.ts'
import { serviceHops } from './problems/hops.ts'
import { LeftOvers } from './problems/left-overs.ts'
import { ServiceProxy } from './proxy.ts'
import { proxyHealthPages } from './proxy-health.ts'
import type { ProxyKernel } from './proxy-kernel.ts'
import { FORMER_RULES } from './rules/sets.ts'
import { Runner } from './runner.ts'
import { section } from './section.ts'
import { Serving } from './serving.ts'
import { MODULES, type ServiceProxySettings } from './settings.ts'
import { leftBehind } from './tables.ts'
import type { Problem } from './types.ts'

export const serviceProxy: FeatureDefinition<ServiceProxySettings> = {
  name: 'service-proxy',
  section,
  modules: MODULES,
  formerRules: FORMER_RULES,
  async create(context, settings) {
    return new ServiceProxyFeature(context, settings, await context.kernel())
  },
  leftBehind,
}

export class ServiceProxyFeature implements Feature<ServiceProxySettings> {
  readonly #context: FeatureContext
  readonly #proxy: ServiceProxy
  readonly #runner: Runner
  readonly #metrics = new ProxyMetrics(() => Date.now())
  readonly #apiServer = new ApiServerEndpoints()
  readonly #leftOvers: LeftOvers
  readonly #serving: Serving
  readonly #subscriptions = new DisposableStack()
  readonly pages
  #settings: ServiceProxySettings

  constructor(context: FeatureContext, settings: ServiceProxySettings, kernel: ProxyKernel) {
    const { nodeName, clock, log, random, firstSync } = context
    this.#context = context
    this.#settings = settings
    this.#leftOvers = new LeftOvers((detail) => {
      log.warn('another service proxy left an interface behind', { detail })
      context.events.record(leftOverStatement(detail, nodeName))
    })
    this.#proxy = new ServiceProxy({
      ...{ nodeName, clock, log, random, ...settings },
      nodeAddresses: [],
      services: context.cluster.services,
      nodes: context.cluster.nodes,
      podPrefixes: context.podPrefixes,
      reserved: context.reserved,
      kernel,
      onServed: (services) => context.served.changed(services),
      onFlushed: (_result, milliseconds) => this.#metrics.flushed(milliseconds),
      onProblem: (problem) => this.#say(problem),
      onLeftOvers: (leftOvers) => this.#leftOvers.found(leftOvers),
    })
    this.#runner = new Runner({
      ...{ nodeName, log, clock, random },
      proxy: this.#proxy,
      metrics: this.#metrics,
      gateChanged: () => {
        context.gateChanged()
        this.#serving.look()
      },
      unable: (reason) => context.events.record(nodeStatement(reason, nodeName)),
      largeFirstSync: () => firstSync.large(),
      synced: () => firstSync.done(),
    })
    this.#serving = new Serving({
      ...{ clock, served: context.served },
      health: () => this.#runner.health(),
      complete: () => this.#runner.gate === undefined,
      reason: () => this.#runner.problem,
      addressesOf: (service) => this.#proxy.addressesOf(service),
    })
    this.pages = [
      servicesPage(() => ({ services: this.#proxy.snapshot(), problems: this.#proxy.problems() })),
    ]
    this.#follow()
  }

  prepare(): void {
    this.#proxy.prepare()
  }

  /** What keeps it from starting is tried again: the node has a pod network meanwhile. */
  async start(): Promise<void> {
    void this.#runner.start()
  }

  configure(settings: ServiceProxySettings): readonly string[] {
    this.#settings = settings
    this.#proxy.configure(settings)
    return []
  }

  conditions() {
    const { problem } = this.#runner
    return [condition('services', problem), this.#leftOvers.condition()]
  }

  podGate(): string | undefined {
    return this.#runner.gate
  }

  hops(to: HopsTo): readonly Hop[] {
    const { services } = this.#context.cluster
    const owner = services.withAddress(to.address)?.key
    return serviceHops(to, {
      owner,
      services: this.#proxy.snapshot(),
      holderOf: (address) => this.#context.reserved.holderOf(address),
    })
  }

  summary(): readonly SummaryLine[] {
    return [['services', String(this.#proxy.size.services)]]
  }

  stats() {
    return this.#proxy.stats()
  }

  pending() {
    return this.#proxy.pending()
  }

  declareMetrics(declare: DeclareMetric): void {
    this.#metrics.declare(declare, () => this.#proxy.counts())
  }

  listeners(): readonly Listener[] {
    const source = {
      health: () => this.#runner.health(),
      answered: (page: 'healthz' | 'livez', status: number) => this.#metrics.answered(page, status),
    }
    const handler = proxyHealthPages(source, () => new Date())
    return [{ setting: 'serviceProxy.health', at: this.#settings.health, handler }]
  }

  /** Nobody writes while all is removed: not the cluster's news, not an attempt to start. */
  async cleanup(): Promise<void> {
    this.#subscriptions.dispose()
    this.#serving.end()
    await this.#runner.stop()
    await this.#proxy.cleanup()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscriptions.dispose()
    this.#serving[Symbol.dispose]()
    this.#runner[Symbol.dispose]()
    await this.#proxy[Symbol.asyncDispose]()
  }

  #follow(): void {
    const { cluster, reserved, podPrefixes } = this.#context
    const runner = this.#runner
    const stack = this.#subscriptions
    stack.use(reserved.subscribe((_holder, _addresses, changed) => this.#proxy.reservedChanged(changed)))
    stack.use(reserved.subscribeBgpPorts(() => this.#proxy.bgpPortsChanged()))
    stack.use(podPrefixes.subscribe((node) => this.#proxy.podPrefixesChanged(node)))
    stack.use(cluster.subscribe('servicecidrs', { changed: () => this.#setServiceCidrs(), synced() {} }))
    stack.use(
      cluster.subscribe('nodes', {
        changed: (name, before, after) => runner.nodeChanged(name, before, after),
        synced: () => runner.kindSynced('nodes'),
      }),
    )
    stack.use(
      cluster.subscribe('services', {
        changed: (key, before, after) => runner.serviceChanged(key, before, after),
        synced: () => runner.kindSynced('services'),
      }),
    )
    stack.use(
      cluster.subscribe('endpointslices', {
        changed: (_key, before, after, trigger) => {
          runner.sliceChanged(before, after, trigger)
          if ((after ?? before)?.service === API_SERVER_SERVICE) this.#reserveApiServer()
        },
        synced: () => runner.kindSynced('endpointslices'),
      }),
    )
  }

  #setServiceCidrs(): void {
    const ranges = [...this.#context.cluster.serviceCidrs.values()].flatMap((object) => object.ranges)
    this.#proxy.setServiceCIDRs([...new Set(ranges.map(({ text }) => text))].sort())
  }

  #reserveApiServer(): void {
    const { cluster, reserved } = this.#context
    const addresses = this.#apiServer.update(cluster.services.slicesOf(API_SERVER_SERVICE))
    reserved.replace('api-server-endpoint', addresses)
  }

  #say(problem: Problem): void {
    this.#context.events.record(statementOf(problem), (count) =>
      this.#context.log.warn('a field of a Service was skipped', {
        ...problem,
        ...(count > 1 ? { count } : {}),
      }),
    )
  }
}
