/** The features that run: created from the configuration, changed with it while they run, ended in the reverse order. */
import { isDeepStrictEqual } from 'node:util'
import { type Condition, condition } from '@podroute/feature/condition.ts'
import type { Feature, FeatureContext, FeatureDefinition } from '@podroute/feature/feature.ts'
import type { Logger } from '@podroute/reconcile/log.ts'

export interface RunningFeature {
  readonly name: string
  readonly feature: Feature
}

/** Settings by the name of their feature; a feature without is switched off. */
export type FeatureSettings = ReadonlyMap<string, unknown>

/** What a context needs beside what belongs to the feature itself. */
export type SharedContext = Omit<FeatureContext, 'podGate' | 'pluginFields' | 'gateChanged' | 'firstSync'>

export interface RunningFeaturesOptions {
  readonly definitions: readonly FeatureDefinition[]
  readonly shared: SharedContext
  readonly log: Logger
  /** A feature came or went. */
  changed(): void
  /** A first sync has thousands of objects. */
  largeFirstSync(): void
  /** Every feature's first sync is over. */
  synced(): void
  /** Removes what earlier versions left of a feature that is switched off, whatever else runs. Rejects when something is left. */
  removeFormer(definition: FeatureDefinition): Promise<void>
}

/** Milliseconds until a feature that could not be switched is tried again. */
const RETRY = 5000

export class RunningFeatures implements AsyncDisposable {
  readonly #options: RunningFeaturesOptions
  #running: RunningFeature[] = []
  /** Switched off, but not cleaned up yet. */
  readonly #leaving = new Map<string, RunningFeature>()
  /** Why a feature could not be switched on or off. */
  readonly #problems = new Map<string, string>()
  #settings: FeatureSettings = new Map()
  readonly #syncing = new Set<string>()
  /** Switched off, and nothing of earlier versions is left. */
  readonly #removed = new Set<string>()
  #started = false
  #closed = false
  #retry: Disposable | undefined
  /** Features come and go one after the other. */
  #tail: Promise<void> = Promise.resolve()

  constructor(options: RunningFeaturesOptions) {
    this.#options = options
  }

  list(): readonly RunningFeature[] {
    return this.#running
  }

  /** What the features say, and which of them could not be switched on or off. */
  conditions(): readonly Condition[] {
    const switches = [...this.#problems].map(([name, problem]) => condition(name, problem))
    return [...this.#running.flatMap(({ feature }) => feature.conditions()), ...switches]
  }

  /** Makes the features that are switched on. Nothing of the node is changed yet. */
  async create(settings: FeatureSettings): Promise<void> {
    this.#settings = settings
    for (const definition of this.#options.definitions)
      if (this.#settings.has(definition.name)) await this.#create(definition)
    for (const { feature } of this.#running) feature.prepare?.()
  }

  /** @throws what a feature throws that the agent must not run without */
  async start(): Promise<void> {
    for (const { feature } of this.#running) await feature.start()
    this.#started = true
    this.#queueSwitches()
  }

  /** Takes changed settings; returns what cannot change on a running node. */
  configure(settings: FeatureSettings): readonly string[] {
    this.#settings = settings
    const notLive = this.#running.flatMap((entry) => this.#configureOne(entry))
    this.#queueSwitches()
    return notLive
  }

  /** Resolves when what was switched on or off is so. */
  get settled(): Promise<void> {
    return this.#tail
  }

  /** Ends what runs; what the node was given stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#retry?.[Symbol.dispose]()
    await this.#tail
    for (const { feature } of [...this.#running, ...this.#leaving.values()].toReversed())
      await feature[Symbol.asyncDispose]()
    this.#running = []
  }

  /**
   * Asked again though it is the same: what could not change before is said as long as it differs. A feature that fails keeps no other
   * one from its settings.
   */
  #configureOne({ name, feature }: RunningFeature): readonly string[] {
    const settings = this.#settings.get(name)
    if (settings === undefined) return []
    try {
      return feature.configure(settings)
    } catch (error) {
      this.#options.log.error('a feature could not take its settings', { feature: name, error })
      return [`${name}: ${(error as Error).message}: restart the agent`]
    }
  }

  /** With the settings of now, which may be others when it is made. */
  async #create(definition: FeatureDefinition): Promise<RunningFeature> {
    const { name } = definition
    const settings = this.#settings.get(name)
    this.#syncing.add(name)
    const entry = { name, feature: await this.#make(definition, settings) }
    const order = this.#options.definitions.map((d) => d.name)
    this.#running = [...this.#running, entry].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
    if (!isDeepStrictEqual(this.#settings.get(name), settings)) this.#configureOne(entry)
    return entry
  }

  async #make(definition: FeatureDefinition, settings: unknown): Promise<Feature> {
    try {
      return await definition.create(this.#context(definition.name), settings)
    } catch (error) {
      this.#synced(definition.name)
      throw error
    }
  }

  #queueSwitches(): void {
    this.#tail = this.#tail.then(() => this.#switchAll())
  }

  /** Brings what runs to what the last configuration says, whatever was said before it. What fails is tried again. */
  async #switchAll(): Promise<void> {
    if (!this.#started) return
    this.#retry?.[Symbol.dispose]()
    this.#retry = undefined
    for (const definition of this.#options.definitions) {
      if (this.#closed) return
      try {
        await this.#switch(definition)
        this.#problems.delete(definition.name)
      } catch (error) {
        this.#failed(definition.name, error as Error)
      }
    }
    if (this.#problems.size > 0)
      this.#retry = this.#options.shared.clock.after(RETRY, () => this.#queueSwitches())
  }

  async #switch(definition: FeatureDefinition): Promise<void> {
    const { name } = definition
    const wanted = this.#settings.has(name)
    const running = this.#running.find((entry) => entry.name === name)
    const leaving = this.#leaving.get(name)
    if (leaving) await this.#leave(leaving, wanted)
    if (wanted && !running) await this.#switchOn(definition)
    else if (!wanted && running) await this.#switchOff(running)
    if (wanted) this.#removed.delete(name)
    else if (!this.#removed.has(name)) await this.#removeFormer(definition)
  }

  async #switchOn(definition: FeatureDefinition): Promise<void> {
    const entry = await this.#create(definition)
    this.#options.changed()
    try {
      entry.feature.prepare?.()
      await entry.feature.start()
    } catch (error) {
      this.#remove(entry)
      await entry.feature[Symbol.asyncDispose]()
      throw error
    }
    this.#options.log.info('a feature was switched on', { feature: entry.name })
  }

  async #switchOff(entry: RunningFeature): Promise<void> {
    this.#leaving.set(entry.name, entry)
    this.#remove(entry)
    await this.#leave(entry, false)
  }

  async #removeFormer(definition: FeatureDefinition): Promise<void> {
    await this.#options.removeFormer(definition)
    this.#removed.add(definition.name)
  }

  /** @param wantedAgain the next run takes over what this one leaves */
  async #leave({ name, feature }: RunningFeature, wantedAgain: boolean): Promise<void> {
    if (!wantedAgain) await feature.cleanup()
    this.#leaving.delete(name)
    await feature[Symbol.asyncDispose]()
    if (!wantedAgain) this.#options.log.info('a feature was switched off', { feature: name })
  }

  #remove(entry: RunningFeature): void {
    this.#running = this.#running.filter((other) => other !== entry)
    this.#synced(entry.name)
    this.#options.changed()
    this.#tellOthers(entry.name)
  }

  /** Said once for one reason. */
  #failed(name: string, error: Error): void {
    const problem = `cannot be switched ${this.#settings.has(name) ? 'on' : 'off'}: ${error.message}`
    if (this.#problems.get(name) === problem) return
    this.#problems.set(name, problem)
    this.#options.log.error('a feature could not be switched', { feature: name, error })
  }

  #context(name: string): FeatureContext {
    return {
      ...this.#options.shared,
      podGate: () => this.#gateOfOthers(name),
      pluginFields: () => this.#fieldsOfOthers(name),
      gateChanged: () => this.#tellOthers(name),
      firstSync: { large: () => this.#options.largeFirstSync(), done: () => this.#synced(name) },
    }
  }

  #gateOfOthers(name: string): string | undefined {
    for (const other of this.#running) {
      const reason = other.name === name ? undefined : other.feature.podGate?.()
      if (reason !== undefined) return reason
    }
    return undefined
  }

  #fieldsOfOthers(name: string): Readonly<Record<string, unknown>> {
    const others = this.#running.filter((other) => other.name !== name)
    return Object.assign({}, ...others.map(({ feature }) => feature.pluginFields?.()))
  }

  #tellOthers(name: string): void {
    for (const other of this.#running) if (other.name !== name) other.feature.podGateChanged?.()
  }

  #synced(name: string): void {
    if (this.#syncing.delete(name) && this.#syncing.size === 0) this.#options.synced()
  }
}
