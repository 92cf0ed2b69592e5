/** Several tables flushed as one: additions in the declared order, removals in the reverse one, retries by themselves. */
import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import type { Logger } from './log.ts'
import { silent } from './log.ts'
import type { KeyStatus } from './status.ts'
import type { AuditRequest, Drift, FlushResult, Phase, TableStats } from './table.ts'

/** A change that is still to be made. */
export interface PendingChange {
  readonly table: string
  readonly kind: 'add' | 'replace' | 'remove'
  readonly key: string
  /** Why it failed the last time, or ''. */
  readonly error: string
}

/** What a group needs of a table; every `Table` fits. */
export interface Flushable {
  readonly name: string
  readonly stats: TableStats
  status(key: string): KeyStatus
  pending(): readonly { readonly kind: PendingChange['kind']; readonly key: string }[]
  failures(): Iterable<readonly [string, Error]>
  flush(phase?: Phase): Promise<FlushResult>
  onWork(listener: () => void): Disposable
  nextRetry(): number | undefined
  hasWork(): boolean
  oldestDirty(): number | undefined
  sweep(): number
  adopt(): Promise<void>
  audit(request?: AuditRequest): Promise<readonly Drift<string>[]>
  clear(): Promise<FlushResult>
}

export interface FlushGroupOptions {
  readonly clock?: Clock
  readonly log?: Logger
  /** How long changes are gathered before they are sent, in milliseconds. */
  readonly coalesce?: number
  /** Least time between the starts of two flushes, in milliseconds. */
  readonly interval?: number
  /** Called before every flush: fills the tables from what became dirty above them. */
  readonly prepare?: () => void
  /** Called after every flush, with how long it took in milliseconds. */
  readonly onFlushed?: (result: FlushResult, milliseconds: number) => void
}

export class FlushGroup implements AsyncDisposable {
  readonly #tables: readonly Flushable[]
  readonly #options: FlushGroupOptions
  readonly #clock: Clock
  readonly #log: Logger
  readonly #subscriptions: Disposable[]
  #started = false
  #closed = false
  #timer: { readonly due: number; readonly handle: Disposable } | undefined
  #lastStart = Number.NEGATIVE_INFINITY
  #running: Promise<FlushResult> | undefined
  /** Somebody asked for a flush while one was running that may not have seen his reason. */
  #askedAgain = false

  /** @param tables in the order in which things must exist: what others build on comes first. */
  constructor(tables: readonly Flushable[], options: FlushGroupOptions = {}) {
    this.#tables = tables
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#log = options.log ?? silent
    this.#subscriptions = tables.map((table) => table.onWork(() => this.#plan()))
  }

  /** Until now nothing was sent; from now on, what is dirty is. */
  start(): void {
    this.#started = true
    this.schedule()
  }

  /** Asks for a flush soon; calls before it starts are one. While one is running, one more follows it. */
  schedule(): void {
    if (this.#running) this.#askedAgain = true
    else this.#plan()
  }

  /** Flushes now; while one is running, one more follows it. */
  async flush(): Promise<FlushResult> {
    while (this.#running) await this.#running
    // What its own preparation makes dirty asks for no other one.
    this.#running = Promise.resolve()
      .then(() => this.#flushAll())
      .finally(() => {
        this.#running = undefined
        this.#planNext()
      })
    return this.#running
  }

  async adopt(): Promise<void> {
    for (const table of this.#tables) await table.adopt()
  }

  sweep(): number {
    return this.#tables.reduce((sum, table) => sum + table.sweep(), 0)
  }

  /** Audits one table after the other; the drift of each, by name. */
  async audit(request: AuditRequest = {}): Promise<ReadonlyMap<string, readonly Drift<string>[]>> {
    const found = new Map<string, readonly Drift<string>[]>()
    for (const table of this.#tables) {
      const drift = await table.audit(request)
      if (drift.length > 0) {
        this.#log.warn('drift found', {
          resource: table.name,
          keys: drift.length,
          first: drift[0]?.key,
        })
        found.set(table.name, drift)
      }
    }
    return found
  }

  /** Removes everything acknowledged, in reverse order. */
  async clear(): Promise<FlushResult> {
    let total: FlushResult = { applied: 0, failed: 0 }
    for (const table of this.#tables.toReversed()) total = sum(total, await table.clear())
    return total
  }

  stats(): Readonly<Record<string, TableStats>> {
    return Object.fromEntries(this.#tables.map((table) => [table.name, table.stats]))
  }

  /** What is still to be changed, table by table in the declared order. */
  *pending(): Iterable<PendingChange> {
    for (const table of this.#tables) {
      const errors = new Map(table.failures())
      for (const { kind, key } of table.pending())
        yield { table: table.name, kind, key, error: errors.get(key)?.message ?? '' }
    }
  }

  /** Clock time since when the oldest change waits to be sent for the first time, in milliseconds. */
  oldestDirty(): number | undefined {
    return least(this.#tables.map((table) => table.oldestDirty()))
  }

  /** Stops sending; waits for the flush under way. What is in place stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#timer?.handle[Symbol.dispose]()
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]()
    await this.#running
  }

  #plan(): void {
    if (!this.#started || this.#running) return
    const now = this.#clock.now()
    const earliest = this.#lastStart + (this.#options.interval ?? 0)
    this.#wakeAt(Math.max(now + (this.#options.coalesce ?? 0), earliest))
  }

  #wakeAt(due: number): void {
    if (!this.#started || this.#closed || (this.#timer && this.#timer.due <= due)) return
    this.#timer?.handle[Symbol.dispose]()
    const handle = this.#clock.after(Math.max(0, due - this.#clock.now()), () => {
      this.#timer = undefined
      this.flush().catch((error: Error) => this.#log.error('flush failed', { error: error.message }))
    })
    this.#timer = { due, handle }
  }

  async #flushAll(): Promise<FlushResult> {
    const start = this.#clock.now()
    this.#lastStart = start
    this.#askedAgain = false
    this.#options.prepare?.()
    let total: FlushResult = { applied: 0, failed: 0 }
    for (const table of this.#tables) total = sum(total, await table.flush('upserts'))
    for (const table of this.#tables.toReversed()) total = sum(total, await table.flush('removals'))
    this.#options.onFlushed?.(total, this.#clock.now() - start)
    return total
  }

  #planNext(): void {
    const retry = least(this.#tables.map((table) => table.nextRetry()))
    if (this.#askedAgain || this.#tables.some((table) => table.hasWork())) this.#plan()
    if (retry !== undefined) this.#wakeAt(Math.max(retry, this.#clock.now()))
  }
}

function sum(a: FlushResult, b: FlushResult): FlushResult {
  return { applied: a.applied + b.applied, failed: a.failed + b.failed }
}

function least(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}
