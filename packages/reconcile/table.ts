/** What we want, what was acknowledged, and the keys between the two: the one mechanism behind every resource. */
import { type AuditRequest, type Drift, findDrift } from './audit.ts'
import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import { diffKey } from './diff.ts'
import { ReconcileError } from './errors.ts'
import type { Logger } from './log.ts'
import { silent } from './log.ts'
import type { Observation, Op, Outcome, Resource } from './resource.ts'
import { codeOf } from './resource.ts'
import type { BackoffOptions } from './retries.ts'
import { DEFAULT_BACKOFF, Retries } from './retries.ts'
import { State } from './state.ts'
import type { KeyStatus } from './status.ts'
import { UnverifiedKeys } from './unverified-keys.ts'

export type { AuditRequest, Drift } from './audit.ts'

export interface TableOptions {
  readonly clock?: Clock
  readonly log?: Logger
  /** Uniform in [0, 1). */
  readonly random?: () => number
  readonly backoff?: BackoffOptions
  /** Most ops handed to the resource at once. */
  readonly batchSize?: number
  /** Gives other work a turn; an audit calls it between chunks. */
  readonly pause?: () => Promise<void>
  /** Whether what the table stands on is missing: what is dirty waits then, and does not fail. */
  readonly blocked?: () => boolean
}

/** Which ops a flush may send. */
export type Phase = 'all' | 'upserts' | 'removals'

export interface FlushResult {
  readonly applied: number
  readonly failed: number
}

export interface TableStats {
  readonly desired: number
  readonly applied: number
  readonly pending: number
  readonly repaired: number
  readonly failed: number
}

/** The resource said that a thing is there, or is not, against what we had acknowledged: look again before the next try. */
const SURPRISES = new Set(['EEXIST', 'ENOENT', 'ESRCH', 'APPLY_REJECTED', 'OUTCOMES_MISMATCH'])

export class Table<K extends string, V> {
  readonly resource: Resource<K, V>
  readonly #state: State<K, V>
  /** Keys to look at, each with the clock time at which it became dirty; oldest first. */
  readonly #dirty = new Map<K, number>()
  /** Keys whose acknowledged value may be wrong. */
  readonly #unverified: UnverifiedKeys<K, V>
  readonly #drifted = new Set<K>()
  readonly #retries: Retries<K>
  readonly #clock: Clock
  readonly #log: Logger
  readonly #batchSize: number
  readonly #pause: () => Promise<void>
  readonly #blocked: () => boolean
  readonly #listeners = new Set<() => void>()
  readonly #equal = (a: V, b: V): boolean => this.resource.equal(a, b)
  /** Keys written while an audit reads; it must not judge them. */
  #written: Set<K> | undefined
  /** The resource's revision when everything was as acknowledged. */
  #soundRevision: string | undefined
  /** Something was adopted that nobody wants yet: it stays until `sweep`, whatever is announced of it meanwhile. */
  #unswept = false
  #repaired = 0
  #tail: Promise<unknown> = Promise.resolve()
  /** One audit at a time. */
  #audits: Promise<unknown> = Promise.resolve()

  constructor(resource: Resource<K, V>, options: TableOptions = {}) {
    this.resource = resource
    this.#state = new State(this.#equal)
    this.#unverified = new UnverifiedKeys(resource)
    this.#clock = options.clock ?? systemClock
    this.#log = options.log ?? silent
    this.#batchSize = options.batchSize ?? 4096
    this.#pause = options.pause ?? (() => new Promise((resolve) => setImmediate(resolve)))
    this.#blocked = options.blocked ?? (() => false)
    this.#retries = new Retries(
      this.#clock,
      options.random ?? Math.random,
      options.backoff ?? DEFAULT_BACKOFF,
    )
  }

  get name(): string {
    return this.resource.name
  }

  /**
   * What is wanted again after it failed is tried at once: what it stands on may be there now. A value that is an object belongs to
   * one key: by it an audit remembers what it has seen.
   */
  set(key: K, value: V): void {
    if (this.#state.want(key, value) || this.#retries.holds(key)) this.#wanted(key)
  }

  delete(key: K): void {
    const known = this.#state.unwant(key)
    if (known || this.#state.acknowledged(key) !== undefined) this.#wanted(key)
  }

  /** What we want under this key. */
  get(key: K): V | undefined {
    return this.#state.desired.get(key)
  }

  /** What was last acknowledged under this key. */
  acknowledged(key: K): V | undefined {
    return this.#state.acknowledged(key)
  }

  desired(): ReadonlyMap<K, V> {
    return this.#state.desired
  }

  /** Something happened to this key outside: it is read again, and repaired, at the next flush. */
  touch(key: K, observation?: Observation<V>): void {
    this.#unverified.add(key, observation)
    if (this.#unswept && !this.#state.desired.has(key)) return
    this.#mark(key)
  }

  /** Follows the resource's own news until disposed of; does nothing for resources that send none. */
  watch(): Disposable {
    return (
      this.resource.watch?.((key, observation) => this.touch(key, observation)) ?? { [Symbol.dispose]() {} }
    )
  }

  /** Calls `listener` whenever there is something to flush. */
  onWork(listener: () => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  /**
   * Sends the dirty keys that are not waiting for a retry. Cost follows their number; nothing is listed, except
   * unverified keys. Calls queue up behind each other. Never rejects because of a failing op: it is retried later.
   */
  flush(phase: Phase = 'all'): Promise<FlushResult> {
    return this.#queued(async () => {
      const first = await this.#flushOnce(phase)
      if (first.surprised === 0) return { applied: first.applied, failed: first.failed }
      const second = await this.#flushOnce(phase)
      const failed = first.failed - first.surprised + second.failed
      return { applied: first.applied + second.applied, failed }
    })
  }

  /** Takes over what is there: lists once, and marks what differs from what we want. What nobody wants stays until `sweep`. */
  adopt(): Promise<void> {
    return this.#queued(async () => {
      this.#state.forgetAcknowledged()
      this.#unverified.clear()
      this.#soundRevision = undefined
      for await (const portion of this.resource.list()) {
        for (const [key, value] of portion) this.#state.acknowledge(key, value)
      }
      for (const key of this.#state.desired.keys()) this.#mark(key)
      this.#unswept = this.#state.unwanted().length > 0
    })
  }

  /** Marks everything acknowledged that nobody wants for removal; returns how many. */
  sweep(): number {
    this.#unswept = false
    const unwanted = this.unwanted()
    for (const [key] of unwanted) this.#mark(key)
    return unwanted.length
  }

  /** What is acknowledged, but wanted by nobody. */
  unwanted(): readonly (readonly [K, V])[] {
    return this.#state.unwanted()
  }

  /**
   * Compares what is there with what was acknowledged, in chunks that let other work pass, and marks what differs for
   * the next flush (not with `repair: false`).
   */
  audit(request: AuditRequest = {}): Promise<readonly Drift<K>[]> {
    const result = this.#audits.then(() => this.#audit(request))
    this.#audits = result.catch(() => undefined)
    return result
  }

  /** The ops that are still to be sent. */
  pending(): Op<K, V>[] {
    const ops: Op<K, V>[] = []
    for (const key of new Set([...this.#dirty.keys(), ...this.#failing()])) {
      const op = this.#opFor(key)
      if (op) ops.push(op)
    }
    return ops
  }

  /** Wants nothing any more, and removes everything acknowledged. */
  clear(): Promise<FlushResult> {
    this.#state.unwantAll()
    for (const key of this.#state.acknowledgedKeys()) this.#wanted(key)
    return this.flush()
  }

  /** Keys that failed last time, each with its error. */
  failures(): Iterable<readonly [K, Error]> {
    return this.#retries.errors()
  }

  /** What is known of one key: whether it is in place, and why not. */
  status(key: K): KeyStatus {
    const error = this.#retries.errorOf(key)
    if (error) return { kind: 'failed', error }
    const wanted = this.#state.desired.get(key)
    const there = this.#state.acknowledged(key)
    if (wanted === undefined && there !== undefined)
      return { kind: this.#dirty.has(key) ? 'pending' : 'unwanted' }
    if (wanted === undefined) return { kind: 'absent' }
    return { kind: this.#dirty.has(key) || this.#opFor(key) ? 'pending' : 'in-place' }
  }

  /** Clock time of the next retry, in milliseconds. */
  nextRetry(): number | undefined {
    return this.#blocked() ? undefined : this.#retries.nextDue()
  }

  /** Whether a flush would send something for the first time, or look at it. */
  hasWork(): boolean {
    return this.#dirty.size > 0 && !this.#blocked()
  }

  /** Clock time since when something waits to be sent for the first time, in milliseconds. */
  oldestDirty(): number | undefined {
    for (const since of this.#dirty.values()) return since
    return undefined
  }

  get stats(): TableStats {
    return {
      desired: this.#state.desired.size,
      applied: this.#state.acknowledgedSize,
      pending: this.#dirty.size + this.#retries.size,
      repaired: this.#repaired,
      failed: this.#retries.size,
    }
  }

  async #audit({ repair = true, quick = false }: AuditRequest): Promise<readonly Drift<K>[]> {
    const revision = await this.resource.revision?.()
    if (quick && revision !== undefined && revision === this.#soundRevision) return []
    this.#soundRevision = undefined
    this.#written = new Set<K>()
    try {
      const drift = await findDrift(this.resource, this.#state, {
        pause: this.#pause,
        settled: () => this.#queued(async () => {}),
        unsettled: (key) => this.#unsettled(key),
      })
      // A key that was being written meanwhile was not judged.
      if (drift.length === 0 && this.#written.size === 0 && this.#dirty.size === 0)
        this.#soundRevision = revision
      if (repair) for (const { key } of drift) this.touch(key)
      return drift
    } finally {
      this.#written = undefined
    }
  }

  #wanted(key: K): void {
    this.#retries.hasten(key)
    this.#mark(key)
  }

  #mark(key: K): void {
    if (!this.#dirty.has(key)) this.#dirty.set(key, this.#clock.now())
    for (const listener of this.#listeners) listener()
  }

  #queued<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work)
    this.#tail = result.catch(() => undefined)
    return result
  }

  async #flushOnce(phase: Phase): Promise<FlushResult & { surprised: number }> {
    if (this.#blocked()) return { applied: 0, failed: 0, surprised: 0 }
    await this.#readUnverified()
    const ops = this.#take(phase)
    let failed = 0
    let surprised = 0
    for (let start = 0; start < ops.length; start += this.#batchSize) {
      const batch = ops.slice(start, start + this.#batchSize)
      const outcomes = await this.#apply(batch)
      for (const [index, op] of batch.entries()) {
        const outcome = outcomes[index]!
        if (outcome.ok) this.#succeeded(op)
        else {
          failed++
          if (this.#failed(op, outcome.error)) surprised++
        }
      }
    }
    return { applied: ops.length - failed, failed, surprised }
  }

  async #readUnverified(): Promise<void> {
    const known = (key: K) => this.#state.acknowledged(key)
    try {
      const found = await this.#unverified.resolve(known, (key) => this.#retries.holds(key))
      for (const [key, actual] of found) this.#reread(key, actual)
    } catch (error) {
      this.#log.warn('reading back failed', { resource: this.name, error: (error as Error).message })
    }
  }

  #reread(key: K, actual: V | undefined): void {
    const known = this.#state.acknowledged(key)
    const same =
      known === undefined || actual === undefined ? known === actual : this.resource.equal(known, actual)
    if (same) return
    this.#state.acknowledge(key, actual)
    this.#drifted.add(key)
    this.#written?.add(key)
  }

  #take(phase: Phase): Op<K, V>[] {
    const upserts: Op<K, V>[] = []
    const removals: Op<K, V>[] = []
    this.#collectDueRetries()
    for (const key of this.#dirty.keys()) {
      // A key that failed keeps its place among the retries, even when it is touched meanwhile.
      if (this.#retries.holds(key)) {
        this.#dirty.delete(key)
        continue
      }
      const op = this.#opFor(key)
      if (op === undefined) this.#nothingToDo(key)
      else if (op.kind === 'remove' ? phase === 'upserts' : phase === 'removals') continue
      else (op.kind === 'remove' ? removals : upserts).push(op)
      this.#dirty.delete(key)
    }
    return upserts.concat(removals)
  }

  #collectDueRetries(): void {
    if (this.#retries.size === 0) return
    for (const key of this.#failing()) {
      if (!this.#retries.holds(key) && !this.#dirty.has(key)) this.#dirty.set(key, this.#clock.now())
    }
  }

  *#failing(): Iterable<K> {
    for (const [key] of this.#retries.errors()) yield key
  }

  #nothingToDo(key: K): void {
    this.#written?.add(key)
    this.#retries.settle(key)
    this.#drifted.delete(key)
  }

  async #apply(batch: readonly Op<K, V>[]): Promise<readonly Outcome[]> {
    try {
      const outcomes = await this.resource.apply(batch)
      if (outcomes.length === batch.length) return outcomes
      const error = new ReconcileError('OUTCOMES_MISMATCH', this.name)
      return batch.map(() => ({ ok: false, error }))
    } catch (cause) {
      const error = new ReconcileError('APPLY_REJECTED', this.name, { cause })
      return batch.map(() => ({ ok: false, error }))
    }
  }

  #succeeded(op: Op<K, V>): void {
    this.#state.acknowledge(op.key, op.kind === 'remove' ? undefined : op.value)
    this.#written?.add(op.key)
    if (this.#drifted.delete(op.key)) this.#repaired++
    if (this.#retries.settle(op.key)) this.#log.info('recovered', { resource: this.name, key: op.key })
  }

  /** Schedules a retry; says whether the key should be looked at again at once, because the state was not as we knew it. */
  #failed(op: Op<K, V>, error: Error): boolean {
    this.#written?.add(op.key)
    const first = this.#retries.failed(op.key, error)
    const code = codeOf(error)
    if (SURPRISES.has(code ?? '')) {
      this.#unverified.add(op.key)
      if (first && code !== 'APPLY_REJECTED') {
        this.#retries.hasten(op.key)
        return true
      }
    }
    if (first)
      this.#log.warn('failed', {
        resource: this.name,
        key: op.key,
        op: op.kind,
        error: rootMessage(error),
      })
    return false
  }

  #opFor(key: K): Op<K, V> | undefined {
    return diffKey(key, this.#state.desired.get(key), this.#state.acknowledged(key), this.#equal)
  }

  /** Whether a key is being changed anyway, so that an audit cannot judge it. */
  #unsettled(key: K): boolean {
    return this.#dirty.has(key) || this.#written?.has(key) === true
  }
}

function rootMessage(error: Error): string {
  return error.cause instanceof Error ? error.cause.message : error.message
}
