/** Chooses the API server that answers, and looks again when it no longer does. */

import type { Logger } from '@podroute/reconcile/log.ts'
import { ApiStatusError, ClusterError, describeError } from '../errors.ts'
import type { ApiClient } from './client.ts'
import type { ServerCandidate } from './servers.ts'

export interface FinderOptions {
  /** Asked each time: files and environment may change. */
  candidates(): { readonly candidates: readonly ServerCandidate[]; readonly skipped: readonly string[] }
  connect(candidate: ServerCandidate): ApiClient
  readonly log: Logger
  /** Milliseconds that a server has to answer. */
  readonly patience?: number
}

const PATIENCE = 5000

export class ApiServerFinder {
  readonly #options: FinderOptions
  #client: Promise<ApiClient> | undefined
  /** Server that was found last; undefined while none answers. */
  #server: string | undefined
  /** Why none answers; undefined while one does. */
  #away: string | undefined
  #abandon = new AbortController()

  constructor(options: FinderOptions) {
    this.#options = options
  }

  /** URL of the server in use; undefined while none answers. */
  get server(): string | undefined {
    return this.#server
  }

  /** The server in use, or the first that answers. @throws ClusterError (no-api-server) naming every one that was tried */
  client(): Promise<ApiClient> {
    this.#client ??= this.#find().catch((error: unknown) => {
      this.#client = undefined
      throw error
    })
    return this.#client
  }

  /** A request failed: unless the server answered with an error of its own, another one may be better. */
  failed(error: unknown): void {
    if (!(error instanceof ApiStatusError)) this.#leave()
  }

  /** Aborts when connections to the server in use are to be given up for another one. */
  get abandoned(): AbortSignal {
    return this.#abandon.signal
  }

  /** The candidates are others: looks again, though the server in use answers. */
  reconsider(): void {
    this.#leave()
    this.#abandon.abort()
    this.#abandon = new AbortController()
  }

  /** A connection that is kept for more would stay until the server ends it, minutes later. */
  #leave(): void {
    this.#client?.then(
      (client) => client.release(),
      () => {},
    )
    this.#client = undefined
  }

  async #find(): Promise<ApiClient> {
    const { candidates, skipped } = this.#options.candidates()
    const failures = [...skipped]
    for (const candidate of candidates) {
      const client = this.#options.connect(candidate)
      const patience = this.#options.patience ?? PATIENCE
      const timeout = AbortSignal.timeout(patience)
      try {
        await client.getJson('/version', {}, timeout)
        return this.#found(client, candidate)
      } catch (error) {
        // 401 and 403 are answers, and the watches will say what is not allowed.
        if (error instanceof ApiStatusError && error.status < 500) return this.#found(client, candidate)
        const reason = timeout.aborted ? `no answer within ${patience / 1000} s` : describeError(error)
        failures.push(`${client.server} (${candidate.source}): ${reason}`)
      }
    }
    this.#sayAway(failures)
    throw new ClusterError('no-api-server', `no API server answers: ${failures.join('; ')}`)
  }

  /** An API server that is away for an hour is one line, not a thousand; a line more when the reason is another. */
  #sayAway(tried: readonly string[]): void {
    const reason = tried.join()
    const { log } = this.#options
    if (this.#away === undefined) log.warn('no API server answers, trying again', { tried })
    else if (reason !== this.#away) log.info('still no API server', { tried })
    this.#away = reason
    this.#server = undefined
  }

  #found(client: ApiClient, { source }: ServerCandidate): ApiClient {
    if (client.server !== this.#server)
      this.#options.log.info('API server found', { server: client.server, source })
    this.#server = client.server
    this.#away = undefined
    return client
  }
}
