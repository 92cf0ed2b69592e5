/**
 * The one run loop of every feature: dirty keys are planned into claims and tables, the tables are flushed in their order, an audit
 * finds what nobody announced, and each key has a status: in place since when, or why not.
 */
import { AuditLoop } from './audit-loop.ts'
import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import { DirtyKeys } from './dirty-keys.ts'
import { type Flushable, FlushGroup, type PendingChange } from './flush-order.ts'
import type { Logger } from './log.ts'
import { silent } from './log.ts'
import { describeStatus, type Status, type WantedKey } from './status.ts'
import type { AuditRequest, Drift, FlushResult, TableStats } from './table.ts'

export interface ControllerOptions<K extends string> {
  /** In the order in which things must exist: what others build on comes first. */
  readonly tables: readonly Flushable[]
  /**
   * Fills claims and tables from what is known of one key, and says whether anything else is wanted now. Undefined: the tables know.
   * It waits for nothing and has no other effect.
   */
  plan(key: K): boolean | undefined
  /** Called after the keys of a round were planned: for what follows from several keys at once. */
  planned?(keys: readonly K[]): void
  /** The keys of tables that follow from a key: its status is theirs. */
  wants?(key: K): Iterable<WantedKey>
  /** What planning could not use of a key. */
  problems?(key: K): readonly string[]
  /** Is planned before all others. */
  readonly first?: K
  /** Most keys planned before the tables are flushed, so that a first sync leaves the event loop free. */
  readonly chunk?: number
  readonly clock?: Clock
  readonly log?: Logger
  /** How long changes are gathered before they are planned, in milliseconds. */
  readonly coalesce?: number
  /** Least time between the starts of two flushes, in milliseconds. */
  readonly interval?: number
  /** Shortest pause between two audits, in milliseconds; undefined: none but those that are asked for. */
  readonly auditPause?: number
  /** One audit of so many lists everything, whatever was announced; absent: one of 40. */
  readonly thoroughEvery?: number
  /** Called after every flush, with how long it took in milliseconds. */
  onFlushed?(result: FlushResult, milliseconds: number): void
}

const DEFAULT_CHUNK = 500

export class Controller<K extends string> implements AsyncDisposable {
  readonly #options: ControllerOptions<K>
  readonly #clock: Clock
  readonly #log: Logger
  readonly #dirty: DirtyKeys<K>
  readonly #group: FlushGroup
  readonly #auditLoop: AuditLoop | undefined
  /** Clock time at which a key came to want something else, or at which that was flushed: whichever was last. */
  readonly #since = new Map<K, number>()
  readonly #subscriptions: readonly Disposable[]
  /** Keys that wait for the end of the flush under way. */
  #flushing = new Set<K>()
  /** Keys that were not in place after the last flush: few, and looked at after each one, for when they are. */
  #unsettled = new Set<K>()
  /** A table wants something else than before. */
  #tableChanged = false

  constructor(options: ControllerOptions<K>) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#log = options.log ?? silent
    this.#dirty = new DirtyKeys<K>({ clock: this.#clock, first: options.first })
    this.#group = new FlushGroup(options.tables, {
      clock: this.#clock,
      log: this.#log,
      ...(options.coalesce === undefined ? {} : { coalesce: options.coalesce }),
      ...(options.interval === undefined ? {} : { interval: options.interval }),
      prepare: () => this.#plan(),
      onFlushed: (result, milliseconds) => this.#flushed(result, milliseconds),
    })
    this.#subscriptions = options.tables.map((table) =>
      table.onWork(() => {
        this.#tableChanged = true
      }),
    )
    this.#auditLoop = options.auditPause === undefined ? undefined : this.#makeAuditLoop(options.auditPause)
  }

  /** The key is planned again before the next flush. */
  mark(key: K): void {
    this.#dirty.add(key)
    this.#group.schedule()
  }

  markAll(keys: Iterable<K>): void {
    for (const key of keys) this.#dirty.add(key)
    if (this.#dirty.size > 0) this.#group.schedule()
  }

  /** Whether keys wait to be planned. */
  get hasDirtyKeys(): boolean {
    return this.#dirty.size > 0
  }

  /** Takes over what is there. Nothing is written. */
  adopt(): Promise<void> {
    return this.#group.adopt()
  }

  /** Plans and writes everything that is dirty, however many rounds that takes; removes nothing that it was not asked to. */
  async settle(): Promise<void> {
    do await this.#group.flush()
    while (this.#dirty.size > 0)
  }

  /** From now on what is dirty is planned and written by itself, and audited. */
  start(): void {
    this.#group.start()
    this.#auditLoop?.start()
  }

  /** Asks for a flush soon. */
  schedule(): void {
    this.#group.schedule()
  }

  /** Plans and flushes now, without waiting for the moment at which it would happen by itself. */
  flush(): Promise<FlushResult> {
    return this.#group.flush()
  }

  /** Marks what is there and wanted by nobody for removal; returns how many. */
  sweep(): number {
    return this.#group.sweep()
  }

  /** Compares what is there with what was acknowledged, and repairs it unless told not to. */
  audit(request: AuditRequest = {}): Promise<ReadonlyMap<string, readonly Drift<string>[]>> {
    return this.#group.audit(request)
  }

  /** Removes everything of ours, in reverse order. */
  clear(): Promise<FlushResult> {
    return this.#group.clear()
  }

  /** Whether what a key wants is in place, since when, and why not. */
  status(key: K): Status {
    return describeStatus({
      dirty: this.#dirty.has(key) || this.#flushing.has(key),
      wanted: [...(this.#options.wants?.(key) ?? [])],
      problems: this.#options.problems?.(key) ?? [],
      since: this.#since.get(key),
    })
  }

  stats(): Readonly<Record<string, TableStats>> {
    return this.#group.stats()
  }

  /** What is still to be changed, table by table in the declared order. */
  pending(): Iterable<PendingChange> {
    return this.#group.pending()
  }

  /** Clock time since when the oldest change waits, in milliseconds; undefined when none does. */
  oldestPending(): number | undefined {
    const known = [this.#dirty.oldest(), this.#group.oldestDirty()].filter((since) => since !== undefined)
    return known.length === 0 ? undefined : Math.min(...known)
  }

  /** Stops following; what is in place stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#auditLoop?.[Symbol.dispose]()
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]()
    await this.#group[Symbol.asyncDispose]()
  }

  #plan(): void {
    const keys = this.#dirty.take(this.#options.chunk ?? DEFAULT_CHUNK)
    const now = this.#clock.now()
    for (const key of keys) {
      if (!this.#planOne(key)) continue
      this.#since.set(key, now)
      this.#flushing.add(key)
    }
    this.#options.planned?.(keys)
    if (this.#dirty.size > 0) this.#group.schedule()
  }

  /** One object that planning stumbles over stops no other. */
  #planOne(key: K): boolean {
    this.#tableChanged = false
    try {
      return this.#options.plan(key) ?? this.#tableChanged
    } catch (error) {
      this.#log.error('planning failed', { key, error })
      return false
    }
  }

  #flushed(result: FlushResult, milliseconds: number): void {
    this.#dirty.done()
    const now = this.#clock.now()
    for (const key of this.#flushing) {
      if (this.#wantsNothing(key)) this.#since.delete(key)
      else this.#since.set(key, now)
    }
    const flushed = [...this.#flushing]
    this.#flushing = new Set()
    this.#judge(result.failed > 0 ? flushed : [], now)
    this.#options.onFlushed?.(result, milliseconds)
  }

  /** What failed and is in place by now is so since now. */
  #judge(doubtful: readonly K[], now: number): void {
    const before = this.#unsettled
    if (before.size === 0 && doubtful.length === 0) return
    this.#unsettled = new Set()
    for (const key of new Set([...before, ...doubtful])) {
      const { state } = this.status(key)
      if (state === 'failed' || state === 'pending') this.#unsettled.add(key)
      else if (before.has(key) && this.#since.has(key)) this.#since.set(key, now)
    }
  }

  #wantsNothing(key: K): boolean {
    for (const _ of this.#options.wants?.(key) ?? []) return false
    return true
  }

  #makeAuditLoop(pause: number): AuditLoop {
    return new AuditLoop({
      clock: this.#clock,
      pause,
      audit: (quick) => this.audit({ quick }),
      failed: (error) => this.#log.warn('audit failed', { error: error.message }),
      ...(this.#options.thoroughEvery === undefined ? {} : { thoroughEvery: this.#options.thoroughEvery }),
    })
  }
}
