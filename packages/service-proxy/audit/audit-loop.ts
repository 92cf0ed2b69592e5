/**
 * Audits all tables from time to time, because IPVS does not announce changes. Most audits are quick: they list only what may have
 * changed. The pause follows from how long an audit takes: a node with very many Services spends little time on it, and one with
 * few Services repairs within seconds.
 */
import type { Clock } from '@podroute/reconcile/clock.ts'

export interface AuditLoopOptions {
  readonly clock: Clock
  /** Shortest pause between two audits, in milliseconds. */
  readonly pause: number
  /** One audit, which repairs what it finds. A thorough one lists everything, whatever says that nothing changed. */
  audit(thorough: boolean): Promise<unknown>
  failed(error: Error): void
}

/** At most one part in so many of the time is spent on audits. */
const SHARE = 8
/** Of so many audits one is thorough. */
const THOROUGH_EVERY = 60

export class AuditLoop implements Disposable {
  readonly #options: AuditLoopOptions
  #timer: Disposable | undefined
  #ended = false
  #audits = 0

  constructor(options: AuditLoopOptions) {
    this.#options = options
  }

  start(): void {
    if (!this.#timer) this.#after(this.#options.pause)
  }

  [Symbol.dispose](): void {
    this.#ended = true
    this.#timer?.[Symbol.dispose]()
  }

  #after(milliseconds: number): void {
    if (this.#ended) return
    this.#timer = this.#options.clock.after(milliseconds, () => void this.#round())
  }

  async #round(): Promise<void> {
    const { clock, pause, audit, failed } = this.#options
    const started = clock.now()
    await audit(++this.#audits % THOROUGH_EVERY === 0).catch(failed)
    this.#after(Math.max(pause, (clock.now() - started) * SHARE))
  }
}
