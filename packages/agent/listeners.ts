/** The HTTP servers of the agent: moved when the configuration names another place, the others untouched. */
import { isDeepStrictEqual } from 'node:util'
import { type Condition, condition } from '@podroute/feature/condition.ts'
import type { Handler } from '@podroute/feature/listener.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import { AgentError } from './errors.ts'
import { type Certificate, type HttpListener, type ListenAt, serve } from './http.ts'
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

/** Milliseconds until a place that somebody else has is tried again. */
const RETRY = 5000

export class Listeners implements AsyncDisposable {
  readonly #log: Logger
  readonly #clock: Clock
  readonly #serving = new Map<string, Serving>()
  /** By setting. A feature that is switched on again has other pages than before. */
  readonly #handlers = new Map<string, Handler>()
  /** Why the pages of a setting are not where they should be. */
  readonly #problems = new Map<string, string>()
  #wanted: readonly WantedListener[] = []
  #retry: Disposable | undefined
  #closed = false
  /** Servers are opened and closed one after the other. */
  #tail: Promise<void> = Promise.resolve()

  constructor(log: Logger, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  /** @throws AgentError (listen, another-agent) */
  async start(wanted: readonly WantedListener[]): Promise<void> {
    this.#wanted = wanted
    const opened = this.#tail.then(async () => {
      for (const listener of wanted) await this.#open(listener)
    })
    this.#tail = opened.catch(() => {})
    await opened
  }

  /**
   * Opens, moves and closes what is different. Pages whose new place cannot be had go on at the old one, and move when it is free; that
   * is said once, and shown as a condition.
   */
  update(wanted: readonly WantedListener[]): void {
    this.#wanted = wanted
    this.#queue(async () => {
      await this.#closeUnwanted()
      const blocked = await this.#move()
      // They may stand in each other's way: two that change places, or one that goes to another address of its port.
      if (blocked.length > 0) await this.#exchange(blocked)
    })
  }

  condition(): Condition {
    const problems = [...this.#problems].map(([setting, problem]) => `${setting}: ${problem}`)
    return {
      ...condition('listeners', problems.length > 0 ? problems.join('; ') : undefined),
      advisory: true,
    }
  }

  /** Resolves when what was asked for has been tried. */
  get settled(): Promise<void> {
    return this.#tail
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#retry?.[Symbol.dispose]()
    await this.#tail
    for (const setting of [...this.#serving.keys()]) await this.#close(setting)
  }

  #queue(work: () => Promise<unknown>): void {
    this.#tail = this.#tail.then(async () => {
      if (this.#closed) return
      this.#retry?.[Symbol.dispose]()
      await work()
      if (this.#problems.size > 0)
        this.#retry = this.#clock.after(RETRY, () => this.#queue(() => this.#move()))
    })
  }

  async #closeUnwanted(): Promise<void> {
    const settings = new Set(this.#wanted.filter(isOpen).map(({ setting }) => setting))
    for (const setting of [...this.#serving.keys()]) if (!settings.has(setting)) await this.#close(setting)
    for (const setting of [...this.#problems.keys()])
      if (!settings.has(setting)) this.#problems.delete(setting)
  }

  /** Opens each at its new place before the old one is closed; returns those that could not. */
  async #move(): Promise<readonly WantedListener[]> {
    const blocked: WantedListener[] = []
    for (const listener of this.#wanted) {
      this.#handlers.set(listener.setting, listener.handler)
      const before = this.#serving.get(listener.setting)
      if (!isOpen(listener)) continue
      if (before && samePlace(before.at, listener.at)) this.#renew(listener, before)
      else if (!(await this.#tryOpen(listener))) blocked.push(listener)
      else await before?.server[Symbol.asyncDispose]()
    }
    return blocked
  }

  async #exchange(blocked: readonly WantedListener[]): Promise<void> {
    const before = new Map(blocked.map(({ setting }) => [setting, this.#serving.get(setting)]))
    for (const { setting } of blocked) await this.#close(setting)
    const still: WantedListener[] = []
    for (const listener of blocked) if (!(await this.#tryOpen(listener))) still.push(listener)
    for (const listener of still) {
      const at = before.get(listener.setting)?.at
      if (at) await this.#open({ ...listener, at }).catch(() => {})
    }
  }

  async #tryOpen(listener: WantedListener): Promise<boolean> {
    try {
      await this.#open(listener)
      this.#works(listener)
      return true
    } catch (error) {
      this.#fails(listener, ((error as Error).cause as Error).message)
      return false
    }
  }

  async #open({ setting, at, handler }: WantedListener): Promise<void> {
    this.#handlers.set(setting, handler)
    if (!isOpen({ at })) return
    const handle: Handler = (path, asked) => this.#handlers.get(setting)?.(path, asked)
    const server = await serve(at, handle).catch((cause: NodeJS.ErrnoException) => {
      const code = at.kind === 'unix' && cause.code === 'EADDRINUSE' ? 'another-agent' : 'listen'
      throw new AgentError(code, `cannot serve what "${setting}" of the configuration names`, { cause })
    })
    this.#serving.set(setting, { at, server })
  }

  /** It is where it should be; its certificate may be another one. */
  #renew(listener: WantedListener, { at, server }: Serving): void {
    const tls = tlsOf(listener.at)
    if (tls && !isDeepStrictEqual(tls, tlsOf(at))) {
      server.renew(tls)
      this.#serving.set(listener.setting, { at: listener.at, server })
    }
    this.#works(listener)
  }

  async #close(setting: string): Promise<void> {
    const there = this.#serving.get(setting)
    this.#serving.delete(setting)
    await there?.server[Symbol.asyncDispose]()
  }

  #works({ setting }: WantedListener): void {
    if (this.#problems.delete(setting)) this.#log.info('pages are served where they should be', { setting })
  }

  #fails({ setting }: WantedListener, reason: string): void {
    const problem = `${reason}: free that place, or name another one`
    if (this.#problems.get(setting) === problem) return
    this.#problems.set(setting, problem)
    this.#log.error('pages cannot be served where the configuration says', { setting, problem })
  }
}

function tlsOf(at: ListenAt): Certificate | undefined {
  return at.kind === 'tcp' ? at.tls : undefined
}

/** Whether a server need not be opened anew: certificates are exchanged while it runs. */
function samePlace(a: ListenAt, b: ListenAt): boolean {
  const withTls = (at: ListenAt) => ({ ...at, tls: tlsOf(at) !== undefined })
  return isDeepStrictEqual(withTls(a), withTls(b))
}

/** Port 0 turns a server off. */
function isOpen({ at }: Pick<WantedListener, 'at'>): boolean {
  return at.kind === 'unix' || at.port !== 0
}
