/** Keeps up with one kind of API object: list, watch from there, resume, and list again when the server has forgotten where we were. */

import type { Logger } from '@podroute/reconcile/log.ts'
import type { ApiReader } from '../api/client.ts'
import type { Query } from '../api/query.ts'
import { remedyFor } from '../api/remedy.ts'
import { ApiStatusError, ClusterError } from '../errors.ts'
import { type BackoffSettings, backoff, pause } from './backoff.ts'
import { decodeEvent, decodePage, type ObjectMeta } from './objects.ts'
import { SkippedObjects } from './skipped.ts'

/** What is watched, and what is kept of each object. */
export interface ResourceKind<T> {
  readonly name: string
  /** `/api/v1/services` */
  readonly path: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /** The agent can do without: where the API server does not serve the kind, or does not let us read it, there is none of it. */
  readonly optional?: boolean
  /** Keeps what is needed of an object of the API; undefined: it has no usable shape and is skipped. */
  trim(object: unknown): T | undefined
}

/** Who is told. An object is never told twice in the same version. */
export interface ResourceHandler<T> {
  upsert(key: string, object: T): void
  remove(key: string): void
  /** All objects of a list have been told, and what is gone has been removed. */
  synced(): void
}

/** Where the connection comes from, and who is told when it fails. */
export interface ClientSource {
  client(): Promise<ApiReader>
  failed(error: unknown): void
  /** Aborts when a client that was handed out is to be used no more: another one is to be asked for. */
  readonly abandoned?: AbortSignal
}

/** The API server is older than the kind, or does not let us read it. */
export type Unavailable = 'not-served' | 'forbidden'

export interface WatchStatus {
  readonly name: string
  readonly synced: boolean
  /** Whether a watch is open now. */
  readonly connected: boolean
  readonly objects: number
  readonly lists: number
  readonly events: number
  readonly failures: number
  /** Objects that were skipped for their shape. */
  readonly skipped: number
  readonly lastError: string | undefined
  /** An optional kind that cannot be read. */
  readonly unavailable?: Unavailable
}

export interface WatchOptions {
  readonly log: Logger
  readonly random: () => number
  /** Objects in one page of a list. */
  readonly pageSize?: number
  readonly backoff?: BackoffSettings
  /** Resolves after so many milliseconds, or when the signal aborts. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>
}

const PAGE_SIZE = 500
const BACKOFF = { first: 250, max: 15_000 }
/** Longest pause, in milliseconds, until it is seen whether an optional kind is there now. */
const UNAVAILABLE = 300_000
/** The server ends a watch after this many seconds, up to twice as many; each ends at another time. */
const WATCH_SECONDS = 300

export class ResourceWatch<T> {
  readonly #kind: ResourceKind<T>
  readonly #handler: ResourceHandler<T>
  readonly #options: WatchOptions
  /** Version of each object that the handler knows. */
  readonly #versions = new Map<string, string>()
  readonly #backoff: BackoffSettings
  readonly #pause: typeof pause
  #resourceVersion: string | undefined
  #failuresInRow = 0
  /** Lists and events in a row that could not be read: that a watch opens does not end these. */
  #unreadableInRow = 0
  #status = { synced: false, connected: false, lists: 0, events: 0, failures: 0 }
  #lastError: string | undefined
  /** The failure that was logged and is not over. */
  #saidError: string | undefined
  #unavailable: Unavailable | undefined
  readonly #skipped: SkippedObjects

  constructor(kind: ResourceKind<T>, handler: ResourceHandler<T>, options: WatchOptions) {
    this.#kind = kind
    this.#handler = handler
    this.#options = options
    this.#backoff = options.backoff ?? BACKOFF
    this.#pause = options.pause ?? pause
    this.#skipped = new SkippedObjects(kind.name, options.log)
  }

  get status(): WatchStatus {
    return {
      name: this.#kind.name,
      objects: this.#versions.size,
      skipped: this.#skipped.count,
      lastError: this.#lastError,
      ...(this.#unavailable === undefined ? {} : { unavailable: this.#unavailable }),
      ...this.#status,
    }
  }

  /** Runs until `signal` aborts; never throws: whatever fails is tried again with growing pauses. The source is asked anew each time. */
  async run(source: ClientSource, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { abandoned } = source
      const attached = abandoned ? AbortSignal.any([signal, abandoned]) : signal
      try {
        const api = await source.client()
        if (this.#resourceVersion === undefined) await this.#list(api, signal)
        await this.#watch(api, attached)
      } catch (error) {
        if (signal.aborted) return
        if (attached.aborted) continue
        source.failed(error)
        if (this.#kind.optional && isRefused(error)) await this.#doWithout(error, attached)
        else await this.#failed(error, attached)
      }
    }
  }

  async #list(api: ApiReader, signal: AbortSignal): Promise<void> {
    const seen = new Set<string>()
    let next = ''
    let version = ''
    do {
      const query = this.#query({
        limit: String(this.#options.pageSize ?? PAGE_SIZE),
        ...(next ? { continue: next } : {}),
      })
      const page = decodePage(await api.getList(this.#kind.path, query, signal))
      for (const item of page.items) {
        seen.add(item.meta.key)
        this.#upsert(item.meta, item.object)
      }
      next = page.next
      version = page.resourceVersion
      // What is on pages that nobody asks for any more is not gone.
      if (signal.aborted) return
    } while (next !== '')
    for (const key of this.#versions.keys()) if (!seen.has(key)) this.#remove(key)
    this.#skipped.retain(seen)
    this.#resourceVersion = version
    this.#status.lists++
    this.#status.synced = true
    this.#handler.synced()
  }

  async #watch(api: ApiReader, signal: AbortSignal): Promise<void> {
    const seconds = Math.round(WATCH_SECONDS * (1 + this.#options.random()))
    const query = this.#query({
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: this.#resourceVersion ?? '0',
      timeoutSeconds: String(seconds),
    })
    const read = await api.lines(this.#kind.path, query, signal)
    this.#status.connected = true
    this.#recovered()
    let received = 0
    try {
      await read((line) => {
        received++
        this.#event(line)
      })
    } finally {
      this.#status.connected = false
    }
    // A server that ends each watch at once must not be asked in a tight loop.
    if (received === 0) await this.#pause(this.#backoff.first, signal)
  }

  #event(line: string): void {
    const event = decodeEvent(line)
    this.#unreadableInRow = 0
    if (event.kind === 'error') throw new ApiStatusError(event.code, event.message)
    this.#resourceVersion = event.meta.resourceVersion
    if (event.kind === 'bookmark') return
    this.#status.events++
    if (event.kind === 'changed') this.#upsert(event.meta, event.object)
    else {
      this.#remove(event.meta.key)
      this.#skipped.forget(event.meta.key)
    }
  }

  #upsert(meta: ObjectMeta, object: unknown): void {
    if (this.#versions.get(meta.key) === meta.resourceVersion) return
    const kept = this.#kind.trim(object)
    if (kept === undefined) {
      this.#skipped.skip(meta.key, 'unknown shape')
      this.#remove(meta.key)
      return
    }
    this.#versions.set(meta.key, meta.resourceVersion)
    if (this.#tell(meta.key, () => this.#handler.upsert(meta.key, kept))) this.#skipped.forget(meta.key)
  }

  #remove(key: string): void {
    if (this.#versions.delete(key)) this.#tell(key, () => this.#handler.remove(key))
  }

  /** One object that somebody chokes on must not stop the others. */
  #tell(key: string, tell: () => void): boolean {
    try {
      tell()
      return true
    } catch (error) {
      this.#skipped.skip(key, error)
      return false
    }
  }

  /** What was told before stays: a role that is taken away for a moment ends nothing. */
  async #doWithout(error: ApiStatusError, signal: AbortSignal): Promise<void> {
    const unavailable = error.notFound ? 'not-served' : 'forbidden'
    const { name } = this.#kind
    const todo = remedyFor(error, name)
    this.#lastError = todo === undefined ? error.message : `${error.message}: ${todo}`
    if (unavailable !== this.#unavailable)
      this.#options.log.info('doing without a kind of the API', {
        kind: name,
        error,
        ...(todo ? { todo } : {}),
      })
    this.#unavailable = unavailable
    if (!this.#status.synced) this.#handler.synced()
    this.#status.synced = true
    const { first } = this.#backoff
    await this.#pause(
      backoff(this.#failuresInRow++, { first, max: UNAVAILABLE }, this.#options.random),
      signal,
    )
  }

  async #failed(error: unknown, signal: AbortSignal): Promise<void> {
    if (mustRelist(error)) this.#resourceVersion = undefined
    this.#status.failures++
    this.#lastError = error instanceof Error ? error.message : String(error)
    if (this.#isNews(error)) {
      const todo = remedyFor(error, this.#kind.name)
      const fields = { kind: this.#kind.name, error, ...(todo ? { todo } : {}) }
      this.#options.log.warn('watch failed, trying again', fields)
      this.#saidError = this.#lastError
    }
    const failures = isUnreadable(error) ? this.#unreadableInRow++ : this.#failuresInRow++
    await this.#pause(backoff(failures, this.#backoff, this.#options.random), signal)
  }

  /** Whether to log the error: once per reason. The finder of the API server logs unreachable servers, and a single broken connection is normal. */
  #isNews(error: unknown): boolean {
    if (this.#lastError === this.#saidError) return false
    if (error instanceof ApiStatusError) return !error.expired
    if (error instanceof ClusterError) return error.code !== 'no-api-server'
    return this.#failuresInRow > 0
  }

  #recovered(): void {
    this.#failuresInRow = 0
    this.#lastError = undefined
    this.#unavailable = undefined
    if (this.#saidError === undefined) return
    this.#options.log.info('watch works again', { kind: this.#kind.name })
    this.#saidError = undefined
  }

  #query(more: Query): Query {
    const { labelSelector, fieldSelector } = this.#kind
    return {
      ...(labelSelector ? { labelSelector } : {}),
      ...(fieldSelector ? { fieldSelector } : {}),
      ...more,
    }
  }
}

/** The server has forgotten our version, or sent what cannot be read: only a new list tells what is true. */
function mustRelist(error: unknown): boolean {
  if (error instanceof ApiStatusError) return error.expired
  return isUnreadable(error)
}

/** Not served, or not allowed: the next attempt will be told the same for a long time. */
function isRefused(error: unknown): error is ApiStatusError {
  return error instanceof ApiStatusError && (error.status === 403 || error.notFound)
}

function isUnreadable(error: unknown): boolean {
  return error instanceof ClusterError && error.code === 'api-decode'
}
