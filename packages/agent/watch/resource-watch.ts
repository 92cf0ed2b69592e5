/** Keeps up with one kind of API object: list, watch from there, resume, and list again when the server has forgotten where we were. */
import type { ApiClient, Query } from '../api/client.ts'
import { AgentError, ApiStatusError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { type BackoffSettings, backoff, pause } from './backoff.ts'
import { decodeEvent, decodePage, type ObjectMeta } from './objects.ts'

/** What is watched, and what is kept of each object. */
export interface ResourceKind<T> {
  readonly name: string
  /** `/api/v1/services` */
  readonly path: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
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
  client(): Promise<ApiClient>
  failed(error: unknown): void
}

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
}

export interface WatchOptions {
  readonly log: Logger
  readonly random: () => number
  /** Objects in one page of a list. */
  readonly pageSize?: number
  readonly backoff?: BackoffSettings
}

const PAGE_SIZE = 500
const BACKOFF = { first: 250, max: 15_000 }
/** The server ends a watch after this many seconds, up to twice as many; each ends at another time. */
const WATCH_SECONDS = 300

export class ResourceWatch<T> {
  readonly #kind: ResourceKind<T>
  readonly #handler: ResourceHandler<T>
  readonly #options: WatchOptions
  /** Version of each object that the handler knows. */
  readonly #versions = new Map<string, string>()
  readonly #backoff: BackoffSettings
  #resourceVersion: string | undefined
  #failuresInRow = 0
  #status = { synced: false, connected: false, lists: 0, events: 0, failures: 0, skipped: 0 }
  #lastError: string | undefined

  constructor(kind: ResourceKind<T>, handler: ResourceHandler<T>, options: WatchOptions) {
    this.#kind = kind
    this.#handler = handler
    this.#options = options
    this.#backoff = options.backoff ?? BACKOFF
  }

  get status(): WatchStatus {
    return {
      name: this.#kind.name,
      objects: this.#versions.size,
      lastError: this.#lastError,
      ...this.#status,
    }
  }

  /** Runs until `signal` aborts; never throws: whatever fails is tried again with growing pauses. The source is asked anew each time. */
  async run(source: ClientSource, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const api = await source.client()
        if (this.#resourceVersion === undefined) await this.#list(api, signal)
        await this.#watch(api, signal)
      } catch (error) {
        if (signal.aborted) return
        source.failed(error)
        await this.#failed(error, signal)
      }
    }
  }

  async #list(api: ApiClient, signal: AbortSignal): Promise<void> {
    const seen = new Set<string>()
    let next = ''
    let version = ''
    do {
      const query = this.#query({
        limit: String(this.#options.pageSize ?? PAGE_SIZE),
        ...(next ? { continue: next } : {}),
      })
      const page = decodePage(await api.getJson(this.#kind.path, query, signal))
      for (const item of page.items) {
        seen.add(item.meta.key)
        this.#upsert(item.meta, item.object)
      }
      next = page.next
      version = page.resourceVersion
    } while (next !== '' && !signal.aborted)
    for (const key of this.#versions.keys()) if (!seen.has(key)) this.#remove(key)
    this.#resourceVersion = version
    this.#status.lists++
    this.#status.synced = true
    this.#handler.synced()
  }

  async #watch(api: ApiClient, signal: AbortSignal): Promise<void> {
    const seconds = Math.round(WATCH_SECONDS * (1 + this.#options.random()))
    const query = this.#query({
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: this.#resourceVersion ?? '0',
      timeoutSeconds: String(seconds),
    })
    const lines = await api.lines(this.#kind.path, query, signal)
    this.#status.connected = true
    this.#recovered()
    let received = 0
    try {
      for await (const line of lines) {
        received++
        this.#event(line)
      }
    } finally {
      this.#status.connected = false
    }
    // A server that ends each watch at once must not be asked in a tight loop.
    if (received === 0) await pause(this.#backoff.first, signal)
  }

  #event(line: string): void {
    const event = decodeEvent(line)
    if (event.kind === 'error') throw new ApiStatusError(event.code, event.message)
    this.#resourceVersion = event.meta.resourceVersion
    if (event.kind === 'bookmark') return
    this.#status.events++
    if (event.kind === 'deleted') this.#remove(event.meta.key)
    else this.#upsert(event.meta, event.object)
  }

  #upsert(meta: ObjectMeta, object: unknown): void {
    if (this.#versions.get(meta.key) === meta.resourceVersion) return
    const kept = this.#kind.trim(object)
    if (kept === undefined) {
      this.#status.skipped++
      this.#options.log.warn('API object of unknown shape skipped', {
        kind: this.#kind.name,
        object: meta.key,
      })
      this.#remove(meta.key)
      return
    }
    this.#versions.set(meta.key, meta.resourceVersion)
    this.#tell(meta.key, () => this.#handler.upsert(meta.key, kept))
  }

  #remove(key: string): void {
    if (this.#versions.delete(key)) this.#tell(key, () => this.#handler.remove(key))
  }

  /** One object that somebody chokes on must not stop the others. */
  #tell(key: string, tell: () => void): void {
    try {
      tell()
    } catch (error) {
      this.#status.skipped++
      this.#options.log.error('API object could not be used', { kind: this.#kind.name, object: key, error })
    }
  }

  async #failed(error: unknown, signal: AbortSignal): Promise<void> {
    if (mustRelist(error)) this.#resourceVersion = undefined
    this.#status.failures++
    const message = error instanceof Error ? error.message : String(error)
    // Said once per reason: an API server that is away for an hour is one line, not a thousand.
    if (message !== this.#lastError) {
      this.#options.log.warn('watch failed, trying again', { kind: this.#kind.name, error })
      this.#lastError = message
    }
    await pause(backoff(this.#failuresInRow++, this.#backoff, this.#options.random), signal)
  }

  #recovered(): void {
    this.#failuresInRow = 0
    if (this.#lastError === undefined) return
    this.#options.log.info('watch works again', { kind: this.#kind.name })
    this.#lastError = undefined
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
  return error instanceof AgentError && error.code === 'api-decode'
}
