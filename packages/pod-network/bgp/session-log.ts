/** What the log says of sessions: each that comes up or goes down, and one line for all of them while those of many nodes do. */
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { LogFields, Logger } from '@podroute/reconcile/log.ts'

/** Lines in one window; what comes after them is counted, and said when the window ends. */
const MOST = 10
/** Milliseconds. */
const WINDOW = 10_000

export interface SessionLogOptions {
  readonly log: Logger
  readonly clock: Pick<Clock, 'after'>
  /** Sessions that are established now. */
  established(): number
}

export class SessionLog {
  readonly #options: SessionLogOptions
  #window: Disposable | undefined
  /** Lines that may still be written in this window. */
  #left = MOST
  #up = 0
  #down = 0

  constructor(options: SessionLogOptions) {
    this.#options = options
  }

  up(fields: LogFields): void {
    if (!this.#says('info', 'BGP session up', fields)) this.#up++
  }

  down(fields: LogFields): void {
    if (!this.#says('warn', 'BGP session down', fields)) this.#down++
  }

  /** Says what was not said yet. */
  [Symbol.dispose](): void {
    this.#window?.[Symbol.dispose]()
    this.#window = undefined
    this.#summarize()
    this.#left = MOST
  }

  #says(level: 'info' | 'warn', message: string, fields: LogFields): boolean {
    const { log, clock } = this.#options
    // Routers outside are few, and each of them matters.
    const node = 'node' in fields
    if (node) this.#window ??= clock.after(WINDOW, () => this.#ended())
    const said = !node || this.#left > 0
    if (node && said) this.#left--
    log[said ? level : 'debug'](message, fields)
    return said
  }

  /** While many come or go, the next window has no lines of its own either. */
  #ended(): void {
    this.#window = undefined
    const many = this.#up + this.#down > MOST
    this.#summarize()
    this.#left = many ? 0 : MOST
    if (many) this.#window = this.#options.clock.after(WINDOW, () => this.#ended())
  }

  #summarize(): void {
    const { log, established } = this.#options
    const [up, down] = [this.#up, this.#down]
    if (up + down === 0) return
    this.#up = this.#down = 0
    log[down > 0 ? 'warn' : 'info']('BGP sessions came or went', { up, down, established: established() })
  }
}
