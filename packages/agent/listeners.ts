/** The HTTP servers of the agent: moved when the configuration names another place, the others untouched. */
import { isDeepStrictEqual } from 'node:util'
import type { Handler } from '@podroute/feature/listener.ts'
import { AgentError } from './errors.ts'
import { type HttpListener, type ListenAt, serve } from './http.ts'
import type { Logger } from './log.ts'

export interface WantedListener {
  /** Key of the configuration that says where. */
  readonly setting: string
  readonly at: ListenAt
  readonly handler: Handler
}

interface Serving {
  readonly at: ListenAt
  readonly server: HttpListener
}

export class Listeners implements AsyncDisposable {
  readonly #log: Logger
  readonly #serving = new Map<string, Serving>()
  /** The pages of a setting may be those of another run of a feature. */
  readonly #handlers = new Map<string, Handler>()
  #tail: Promise<void> = Promise.resolve()

  constructor(log: Logger) {
    this.#log = log
  }

  /** @throws AgentError (listen) */
  async start(wanted: readonly WantedListener[]): Promise<void> {
    for (const listener of wanted) await this.#open(listener)
  }

  /** Opens, moves and closes what is different; one that cannot be opened is said, and the others go on. */
  update(wanted: readonly WantedListener[]): void {
    this.#tail = this.#tail.then(async () => {
      const settings = new Set(wanted.map(({ setting }) => setting))
      for (const setting of this.#serving.keys()) if (!settings.has(setting)) await this.#close(setting)
      for (const listener of wanted) {
        await this.#move(listener).catch((error: unknown) =>
          this.#log.error('pages cannot be served', { setting: listener.setting, error }),
        )
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tail
    for (const setting of [...this.#serving.keys()]) await this.#close(setting)
  }

  async #move(listener: WantedListener): Promise<void> {
    this.#handlers.set(listener.setting, listener.handler)
    const there = this.#serving.get(listener.setting)
    if (there && isDeepStrictEqual(there.at, listener.at)) return
    await this.#close(listener.setting)
    await this.#open(listener)
  }

  async #open({ setting, at, handler }: WantedListener): Promise<void> {
    this.#handlers.set(setting, handler)
    if (at.kind === 'tcp' && at.port === 0) return
    const server = await serve(at, (path) => this.#handlers.get(setting)?.(path)).catch((cause: unknown) => {
      throw new AgentError('listen', `cannot serve what "${setting}" of the configuration names`, { cause })
    })
    this.#serving.set(setting, { at, server })
  }

  async #close(setting: string): Promise<void> {
    const there = this.#serving.get(setting)
    this.#serving.delete(setting)
    await there?.server[Symbol.asyncDispose]()
  }
}
