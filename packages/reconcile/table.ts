/** What we want, what was acknowledged, and the keys between the two: the one mechanism behind every resource. */
import { applyBatch } from './apply-batch.ts'
import { type AuditRequest, type Drift, findDrift } from './audit.ts'
import { Backlog } from './backlog.ts'
import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import { diffKey } from './diff.ts'
import type { Logger } from './log.ts'
import { silent } from './log.ts'
import type { Observation, Op, Resource } from './resource.ts'
import { codeOf } from './resource.ts'
import type { BackoffOptions } from './retries.ts'
import { DEFAULT_BACKOFF } from './retries.ts'
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

/** What a table has changed since it was made; what it found and took over is none of it. */
export interface TableWrites {
  readonly added: number
  readonly removed: number
}

/** The resource said that a thing is there, or is not, against what we had acknowledged: look again before the next try. */
const SURPRISES = new Set(['EEXIST', 'ENOENT', 'ESRCH', 'APPLY_REJECTED', 'OUTCOMES_MISMATCH'])

export class Table<K extends string, V> {
  readonly resource: Resource<K, V>
  readonly #state: State<K, V>
  readonly #backlog: Backlog<K>
  /** Keys whose acknowledged value may be wrong. */
  readonly #unverified: UnverifiedKeys<K, V>
  readonly #drifted = new Set<K>()
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
  readonly #writes = { added: 0, removed: 0 }
  #tail: Promise<unknown> = Promise.resolve()
  /** One audit at a time. */
  #audits: Promise<unknown> = Promise.resolve()

  constructor(resource: Resource<K, V>, options: TableOptions = {}) {
    this.resource = resource
    this.#state = new State(this.#equal)
    this.#unverified = new UnverifiedKeys(resource)
    this.#log = options.log ?? silent
    this.#batchSize = options.batchSize ?? 4096
    this.#pause = options.pause ?? (() => new Promise((resolve) => setImmediate(resolve)))
    this.#blocked = options.blocked ?? (() => false)
    this.#backlog = new Backlog({
      clock: options.clock ?? systemClock,
      random: options.random ?? Math.random,
      backoff: options.backoff ?? DEFAULT_BACKOFF,
    })
  }

  get name(): string {
    return this.resource.name
  }

  /**
   * What is wanted again after it failed is tried at once: what it stands on may be there now. A value that is an object belongs to
   * one key: by it an audit remembers what it has seen.
   */
  set(key: K, value: V): void {
    if (this.#state.want(key, value) || this.#backlog.waits(key)) this.#wanted(key)
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
    for (const key of this.#backlog.keys()) {
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
    return this.#backlog.errors()
  }

  /** What is known of one key: whether it is in place, and why not. */
  status(key: K): KeyStatus {
    const error = this.#backlog.errorOf(key)
    if (error) return { kind: 'failed', error }
    const wanted = this.#state.desired.get(key)
    const there = this.#state.acknowledged(key)
    if (wanted === undefined && there !== undefined)
      return { kind: this.#backlog.isDirty(key) ? 'pending' : 'unwanted' }
    if (wanted === undefined) return { kind: 'absent' }
    return { kind: this.#backlog.isDirty(key) || this.#opFor(key) ? 'pending' : 'in-place' }
  }

  /** Clock time of the next retry, in milliseconds. */
  nextRetry(): number | undefined {
    return this.#blocked() ? undefined : this.#backlog.nextRetry()
  }

  /** Whether a flush would send something for the first time, or look at it. */
  hasWork(): boolean {
    return this.#backlog.dirty > 0 && !this.#blocked()
  }

  /** Clock time since when something waits to be sent for the first time, in milliseconds. */
  oldestDirty(): number | undefined {
    return this.#backlog.oldest()
  }

  get stats(): TableStats {
    return {
      desired: this.#state.desired.size,
      applied: this.#state.acknowledgedSize,
      pending: this.#backlog.dirty + this.#backlog.failing,
      repaired: this.#repaired,
      failed: this.#backlog.failing,
    }
  }

  get writes(): TableWrites {
    return this.#writes
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
      if (drift.length === 0 && this.#backlog.dirty === 0) await this.#foundSound(revision, repair)
      if (repair) for (const { key } of drift) this.touch(key)
      return drift
    } finally {
      this.#written = undefined
    }
  }

  /**
   * A key that was being written meanwhile was not judged. Where our own writes do not change the revision, those few are read again, so
   * that constant changes of ours do not make each audit list everything.
   */
  async #foundSound(revision: string | undefined, repair: boolean): Promise<void> {
    const written = [...(this.#written ?? [])]
    if (written.length > 0) {
      const again = repair && this.resource.read ? await this.resource.revision?.() : undefined
      if (again === undefined || again !== revision) return
    }
    this.#soundRevision = revision
    for (const key of written) this.touch(key)
  }

  #wanted(key: K): void {
    this.#backlog.addNow(key)
    this.#tellListeners()
  }

  #mark(key: K): void {
    this.#backlog.add(key)
    this.#tellListeners()
  }

  #tellListeners(): void {
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
      const outcomes = await applyBatch(this.resource, batch)
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
      const found = await this.#unverified.resolve(known, (key) => this.#backlog.waits(key))
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
    for (const key of this.#backlog.due()) {
      const op = this.#opFor(key)
      if (op === undefined) this.#nothingToDo(key)
      else if (op.kind === 'remove' ? phase === 'upserts' : phase === 'removals') continue
      else (op.kind === 'remove' ? removals : upserts).push(op)
      this.#backlog.take(key)
    }
    return upserts.concat(removals)
  }

  #nothingToDo(key: K): void {
    this.#written?.add(key)
    this.#backlog.settle(key)
    this.#drifted.delete(key)
  }

  #succeeded(op: Op<K, V>): void {
    this.#state.acknowledge(op.key, op.kind === 'remove' ? undefined : op.value)
    if (op.kind === 'add') this.#writes.added++
    if (op.kind === 'remove') this.#writes.removed++
    this.#written?.add(op.key)
    if (this.#drifted.delete(op.key)) this.#repaired++
    if (this.#backlog.settle(op.key)) this.#log.info('recovered', { resource: this.name, key: op.key })
  }

  /** Schedules a retry; says whether the key should be looked at again at once, because the state was not as we knew it. */
  #failed(op: Op<K, V>, error: Error): boolean {
    this.#written?.add(op.key)
    const first = this.#backlog.failed(op.key, error)
    const code = codeOf(error)
    if (SURPRISES.has(code ?? '')) {
      this.#unverified.add(op.key)
      if (first && code !== 'APPLY_REJECTED') {
        this.#backlog.hasten(op.key)
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
    return this.#backlog.isDirty(key) || this.#written?.has(key) === true
  }
}

function rootMessage(error: Error): string {
  return error.cause instanceof Error ? error.cause.message : error.message
}
