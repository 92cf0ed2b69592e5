/** Since when the oldest change waits, those included that are on their way to the kernel. */
import type { Clock } from '@podroute/reconcile/clock.ts'

/** A change that waits longer than this, in milliseconds, means that the proxy does not work. */
export const UNHEALTHY_AFTER = 60_000

export class Pending {
  readonly #clock: Clock
  #waiting: number | undefined
  #underWay: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  added(): void {
    this.#waiting ??= this.#clock.now()
  }

  /** A flush took all that waited. What an earlier one took and did not finish is still under way. */
  taken(): void {
    this.#underWay ??= this.#waiting
    this.#waiting = undefined
  }

  /** That flush is over. */
  done(): void {
    this.#underWay = undefined
  }

  /** @param dirty the same of the tables. Milliseconds of the clock. */
  oldest(dirty: number | undefined): number | undefined {
    const known = [this.#waiting, this.#underWay, dirty].filter((since) => since !== undefined)
    return known.length === 0 ? undefined : Math.min(...known)
  }

  isLate(dirty: number | undefined): boolean {
    const oldest = this.oldest(dirty)
    return oldest !== undefined && this.#clock.now() - oldest >= UNHEALTHY_AFTER
  }
}
