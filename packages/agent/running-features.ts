/** The features that run: created from the configuration, changed with it while they run, ended in the reverse order. */
import type { Feature, FeatureContext, FeatureDefinition } from '@podroute/feature/feature.ts'
import type { Logger } from '@podroute/reconcile/log.ts'

export interface RunningFeature {
  readonly name: string
  readonly feature: Feature
}

/** Settings by the name of their feature; a feature without is switched off. */
export type FeatureSettings = ReadonlyMap<string, unknown>

/** What a context needs beside what belongs to the feature itself. */
export type SharedContext = Omit<FeatureContext, 'podGate' | 'gateChanged' | 'firstSync'>

export interface RunningFeaturesOptions {
  readonly definitions: readonly FeatureDefinition[]
  readonly shared: SharedContext
  readonly log: Logger
  /** A feature came or went, or wants other listeners. */
  changed(): void
  /** A first sync has very much to do. */
  busy(): void
  /** Every feature's first sync is over. */
  synced(): void
}

export class RunningFeatures implements AsyncDisposable {
  readonly #options: RunningFeaturesOptions
  #running: RunningFeature[] = []
  #settings: FeatureSettings = new Map()
  readonly #syncing = new Set<string>()
  #started = false
  /** Features come and go one after the other. */
  #tail: Promise<void> = Promise.resolve()

  constructor(options: RunningFeaturesOptions) {
    this.#options = options
  }

  list(): readonly RunningFeature[] {
    return this.#running
  }

  /** Makes the features that are switched on. Nothing of the node is changed yet. */
  async create(settings: FeatureSettings): Promise<void> {
    this.#settings = settings
    for (const definition of this.#options.definitions) {
      const own = settings.get(definition.name)
      if (own !== undefined) await this.#add(definition, own)
    }
    for (const { feature } of this.#running) feature.prepare?.()
  }

  /** @throws what a feature throws that the agent must not run without */
  async start(): Promise<void> {
    for (const { feature } of this.#running) await feature.start()
    this.#started = true
    this.#queue(() => this.#switchAll())
  }

  /** Takes changed settings; returns what cannot change on a running node. */
  configure(settings: FeatureSettings): readonly string[] {
    this.#settings = settings
    const notLive = this.#running.flatMap((entry) => this.#configureOne(entry))
    this.#queue(() => this.#switchAll())
    this.#options.changed()
    return notLive
  }

  /** Resolves when what was switched on or off is so. */
  get settled(): Promise<void> {
    return this.#tail
  }

  /** Ends what runs; what the node was given stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tail
    for (const { feature } of this.#running.toReversed()) await feature[Symbol.asyncDispose]()
    this.#running = []
  }

  /** Asked again though it is the same: what could not change before is said as long as it differs. */
  #configureOne({ name, feature }: RunningFeature): readonly string[] {
    const settings = this.#settings.get(name)
    return settings === undefined ? [] : feature.configure(settings)
  }

  async #add(definition: FeatureDefinition, settings: unknown): Promise<RunningFeature> {
    const { name } = definition
    this.#syncing.add(name)
    const entry = { name, feature: await definition.create(this.#context(name), settings) }
    const order = this.#options.definitions.map((d) => d.name)
    this.#running = [...this.#running, entry].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
    return entry
  }

  /** Brings what runs to what the last configuration says, whatever was said before it. */
  async #switchAll(): Promise<void> {
    if (!this.#started) return
    for (const definition of this.#options.definitions) {
      const wanted = this.#settings.has(definition.name)
      const running = this.#running.find(({ name }) => name === definition.name)
      if (wanted && !running) await this.#switchOn(definition)
      else if (!wanted && running) await this.#switchOff(running)
    }
  }

  async #switchOn(definition: FeatureDefinition): Promise<void> {
    this.#options.log.info('feature is switched on', { feature: definition.name })
    const entry = await this.#add(definition, this.#settings.get(definition.name))
    // The settings may have changed while it was made.
    this.#configureOne(entry)
    entry.feature.prepare?.()
    await entry.feature.start()
    this.#options.changed()
  }

  async #switchOff(entry: RunningFeature): Promise<void> {
    const { name, feature } = entry
    this.#options.log.info('feature is switched off', { feature: name })
    this.#running = this.#running.filter((other) => other !== entry)
    this.#synced(name)
    await feature.cleanup()
    await feature[Symbol.asyncDispose]()
    this.#options.changed()
    this.#tellOthers(name)
  }

  #queue(work: () => Promise<void>): void {
    this.#tail = this.#tail.then(work).catch((error: unknown) => {
      this.#options.log.error('a feature could not be switched', { error })
    })
  }

  #context(name: string): FeatureContext {
    return {
      ...this.#options.shared,
      podGate: () => this.#gateOfOthers(name),
      gateChanged: () => this.#tellOthers(name),
      firstSync: { much: () => this.#options.busy(), done: () => this.#synced(name) },
    }
  }

  #gateOfOthers(name: string): string | undefined {
    for (const other of this.#running) {
      const reason = other.name === name ? undefined : other.feature.podGate?.()
      if (reason !== undefined) return reason
    }
    return undefined
  }

  #tellOthers(name: string): void {
    for (const other of this.#running) if (other.name !== name) other.feature.othersChanged?.()
  }

  #synced(name: string): void {
    if (this.#syncing.delete(name) && this.#syncing.size === 0) this.#options.synced()
  }
}
