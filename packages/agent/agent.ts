/** The agent: features over one model of the cluster, and what they show to the outside. Wiring only. */
import type { Cluster } from '@podroute/cluster/cluster.ts'
import type { Condition } from '@podroute/feature/condition.ts'
import { anyOf, type Handler, type Listener } from '@podroute/feature/listener.ts'
import type { Page } from '@podroute/feature/page.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { AgentState, Noise } from './admin/pages.ts'
import { adminPages } from './admin/pages.ts'
import type { Config } from './config/load.ts'
import { FailingWrites } from './failing-writes.ts'
import { healthPages } from './health.ts'
import type { Certificate } from './http.ts'
import { listenAddresses, listenerName } from './listen-addresses.ts'
import { Listeners, type WantedListener } from './listeners.ts'
import type { Logger } from './log.ts'
import { createRegistry, metricsPage } from './metrics/registry.ts'
import type { Reviews } from './metrics/reviews.ts'
import type { RunRecord } from './run-record.ts'
import type { RunningFeatures } from './running-features.ts'
import { configzPage } from './zpages/configz.ts'
import { statuszPage } from './zpages/statusz.ts'

export interface AgentParts {
  readonly nodeName: string
  readonly config: Config
  readonly version: string
  readonly log: Logger
  readonly cluster: Pick<Cluster, 'start' | 'watches' | typeof Symbol.asyncDispose>
  readonly features: RunningFeatures
  readonly record: Pick<RunRecord, 'runs' | 'begin'>
  readonly clock: Clock
  /** What is followed for as long as the agent runs. */
  readonly following: Disposable
  /** The node's, of both families, where they are known. */
  readonly nodeAddresses: readonly string[]
  /** Who may read the metrics, where that is asked. */
  readonly reviews: Pick<Reviews, 'guard'>
  /** The API server in use; empty while none is. */
  apiServer(): string
  noise(): Noise
  /** What the agent itself has to show. */
  readonly pages: readonly Page[]
  /** The configuration in effect, without secrets. */
  shownConfig(): object | undefined
  /** Of the agent itself: whether its configuration is what the files say. */
  conditions(): readonly Condition[]
}

export class Agent implements AsyncDisposable {
  readonly #parts: AgentParts
  readonly #listeners: Listeners
  readonly #writes: FailingWrites
  #config: Config

  constructor(parts: AgentParts) {
    this.#parts = parts
    this.#config = parts.config
    this.#listeners = new Listeners(parts.log, parts.clock)
    this.#writes = new FailingWrites(() => parts.clock.now())
  }

  get state(): AgentState {
    const { version, nodeName, cluster, features, apiServer, record, noise, pages } = this.#parts
    return {
      ...{ version, nodeName, apiServer, noise, pages, runs: record.runs },
      watches: () => cluster.watches(),
      features: () => features.list(),
      conditions: () => this.conditions(),
    }
  }

  conditions(): readonly Condition[] {
    const { features, conditions } = this.#parts
    const own = [this.#listeners.condition(), this.#writes.condition(features.list())]
    return [...features.conditions(), ...own, ...conditions()]
  }

  /** @throws AgentError (listen, another-agent), and what a feature throws that the agent must not run without */
  async start(): Promise<void> {
    const { features, cluster, log, version, nodeName, record } = this.#parts
    // What takes longest begins first: asking the API server, and what features prepare. The kernel is not touched before it is known
    // that no other agent runs, which the admin socket tells.
    await features.create(this.#config.features)
    cluster.start()
    await this.#listeners.start(this.#wanted())
    record.begin()
    await features.start()
    log.info('agent started', { version, node: nodeName })
  }

  /** Puts a changed configuration into effect; returns what cannot change on a running node. */
  configure(config: Config): readonly string[] {
    this.#config = config
    const notLive = this.#parts.features.configure(config.features)
    this.updateListeners()
    return notLive
  }

  /** Features came or went, or want to be heard elsewhere. */
  updateListeners(): void {
    this.#listeners.update(this.#wanted())
  }

  /** Resolves when what was asked of the listeners has been tried. */
  get settled(): Promise<void> {
    return this.#listeners.settled
  }

  /** Ends features and listeners; what the node was given stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#parts.following[Symbol.dispose]()
    await this.#parts.cluster[Symbol.asyncDispose]()
    await this.#parts.features[Symbol.asyncDispose]()
    await this.#listeners[Symbol.asyncDispose]()
  }

  #wanted(): readonly WantedListener[] {
    const { health, metrics, adminSocket, metricsCertificate } = this.#config
    const { state } = this
    const ofFeatures = this.#parts.features.list().flatMap(({ feature }) => feature.listeners?.() ?? [])
    const pages = this.#metricsPages()
    const page = metrics.tokenReview ? this.#parts.reviews.guard(pages) : pages
    return [
      // The first: where another agent answers, nothing else is tried.
      { setting: 'adminSocket', at: { kind: 'unix', path: adminSocket }, handler: adminPages(state) },
      ...this.#atEach({ setting: 'health', at: health, handler: healthPages(state) }),
      ...this.#atEach({ setting: 'metrics', at: metrics, handler: page }, metricsCertificate),
      ...ofFeatures.flatMap((listener) => this.#atEach(listener)),
    ]
  }

  /** What is for whoever may read the metrics. */
  #metricsPages(): Handler {
    const { version, shownConfig } = this.#parts
    const started = new Date(performance.timeOrigin)
    const uptime = () => process.uptime()
    return anyOf(
      metricsPage(() => createRegistry(this.state)),
      statuszPage({ version, started, uptime, paths: ['/configz', '/metrics', '/statusz'] }),
      configzPage(shownConfig),
    )
  }

  /** One for each address that the configuration means. */
  #atEach({ setting, at, handler }: Listener, tls?: Certificate): WantedListener[] {
    const { port } = at
    return listenAddresses(at.address, this.#parts.nodeAddresses).map((address, index) => ({
      setting: listenerName(setting, index),
      at: { kind: 'tcp', address, port, ...(tls && { tls }) },
      handler,
    }))
  }
}
