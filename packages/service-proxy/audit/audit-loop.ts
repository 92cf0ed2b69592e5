/**
 * Looks at the kernel from time to time: IPVS does not say when somebody changes it. Most looks are quick ones, which list only
 * what may have changed. Pauses follow from how long a look takes, so that a node with very many Services spends little on it,
 * and one with few repairs within seconds.
 */
import type { Clock } from '@podroute/reconcile/clock.ts'

export interface PatrolOptions {
  readonly clock: Clock
  /** Shortest pause between two looks, in milliseconds. */
  readonly pause: number
  /** One look; what it finds is its own business. A thorough one takes nobody's word for it that nothing changed. */
  look(thorough: boolean): Promise<unknown>
  failed(error: Error): void
}

/** At most one part in so many of the time is spent looking. */
const SHARE = 8
/** Of so many looks one is thorough. */
const THOROUGH_EVERY = 60

export class Patrol implements Disposable {
  readonly #options: PatrolOptions
  #timer: Disposable | undefined
  #ended = false
  #looks = 0

  constructor(options: PatrolOptions) {
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
    const { clock, pause, look, failed } = this.#options
    const started = clock.now()
    await look(++this.#looks % THOROUGH_EVERY === 0).catch(failed)
    this.#after(Math.max(pause, (clock.now() - started) * SHARE))
  }
}
