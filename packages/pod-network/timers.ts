/** Timers by name: a later call under a name takes the place of an earlier one. */
import type { Clock } from '@podroute/reconcile/clock.ts'

export class NamedTimers implements Disposable {
  readonly #clock: Pick<Clock, 'after'>
  readonly #pending = new Map<string, Disposable>()
  #closed = false

  constructor(clock: Pick<Clock, 'after'>) {
    this.#clock = clock
  }

  after(name: string, milliseconds: number, action: () => void): void {
    if (this.#closed) return
    this.#pending.get(name)?.[Symbol.dispose]()
    const timer = this.#clock.after(milliseconds, () => {
      this.#pending.delete(name)
      action()
    })
    this.#pending.set(name, timer)
  }

  /** Nothing that was pending happens any more, and nothing new is taken. */
  [Symbol.dispose](): void {
    this.#closed = true
    for (const timer of this.#pending.values()) timer[Symbol.dispose]()
    this.#pending.clear()
  }
}
