/**
 * Audits from time to time: some parts of the kernel (IPVS) announce no changes. Most audits are quick ones, which list only what may have
 * changed. The pauses follow from how long an audit takes, so that a node with very many Services spends little time on it, and one
 * with few is repaired within seconds.
 */
import type { Clock } from './clock.ts'

export interface AuditLoopOptions {
  readonly clock: Clock
  /** Shortest pause between two audits, in milliseconds. */
  readonly pause: number
  /** One audit; what it finds it repairs by itself. One that is not quick lists everything, whatever was announced. */
  audit(quick: boolean): Promise<unknown>
  failed(error: Error): void
  /** One audit of so many lists everything; absent: 40. */
  readonly thoroughEvery?: number
}

/** An audit takes at most one part in so many of the time. */
const SHARE = 8
/** One audit of so many lists everything. */
const THOROUGH_EVERY = 40

export class AuditLoop implements Disposable {
  readonly #options: AuditLoopOptions
  #timer: Disposable | undefined
  #disposed = false
  #audits = 0

  constructor(options: AuditLoopOptions) {
    this.#options = options
  }

  start(): void {
    if (!this.#timer) this.#after(this.#options.pause)
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    this.#timer?.[Symbol.dispose]()
  }

  #after(milliseconds: number): void {
    if (this.#disposed) return
    this.#timer = this.#options.clock.after(milliseconds, () => void this.#round())
  }

  async #round(): Promise<void> {
    const { clock, pause, audit, failed, thoroughEvery = THOROUGH_EVERY } = this.#options
    const started = clock.now()
    await audit(++this.#audits % thoroughEvery > 0).catch(failed)
    this.#after(Math.max(pause, (clock.now() - started) * SHARE))
  }
}
