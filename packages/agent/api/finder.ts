/** Chooses the API server that answers, and looks again when it no longer does. */
import { AgentError, ApiStatusError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { describeError } from '../log.ts'
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
  /** What was said last: the server in use, or why there is none. */
  #said = ''

  constructor(options: FinderOptions) {
    this.#options = options
  }

  /** The server in use, or the first that answers. @throws AgentError (no-api-server) naming every one that was tried */
  client(): Promise<ApiClient> {
    this.#client ??= this.#find().catch((error: unknown) => {
      this.#client = undefined
      throw error
    })
    return this.#client
  }

  /** A request failed: unless the server answered with an error of its own, another one may be better. */
  failed(error: unknown): void {
    if (!(error instanceof ApiStatusError)) this.#client = undefined
  }

  async #find(): Promise<ApiClient> {
    const { candidates, skipped } = this.#options.candidates()
    const failures = [...skipped]
    for (const candidate of candidates) {
      const client = this.#options.connect(candidate)
      try {
        await client.getJson('/version', {}, AbortSignal.timeout(this.#options.patience ?? PATIENCE))
        return this.#found(client, candidate)
      } catch (error) {
        // 401 and 403 are answers, and the watches will say what is not allowed.
        if (error instanceof ApiStatusError && error.status < 500) return this.#found(client, candidate)
        failures.push(`${client.server} (${candidate.source}): ${describeError(error)}`)
      }
    }
    const error = new AgentError('no-api-server', `no API server answers: ${failures.join('; ')}`)
    this.#say(error.message, () =>
      this.#options.log.warn('no API server answers, trying again', { tried: failures }),
    )
    throw error
  }

  #found(client: ApiClient, { source }: ServerCandidate): ApiClient {
    this.#say(client.server, () =>
      this.#options.log.info('API server found', { server: client.server, source }),
    )
    return client
  }

  /** An API server that is away for an hour is one line, not a thousand. */
  #say(what: string, say: () => void): void {
    if (what !== this.#said) say()
    this.#said = what
  }
}
