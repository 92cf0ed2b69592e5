// Time that passes when a test says so.
import type { Clock } from '../clock.ts'

interface Timer {
  readonly at: number
  readonly run: () => void
}

export class FakeClock implements Clock {
  #now = 1000
  readonly #timers = new Set<Timer>()
  #soon: (() => void)[] = []

  now(): number {
    return this.#now
  }

  after(delay: number, run: () => void): () => void {
    const timer = { at: this.#now + delay, run }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  soon(run: () => void): () => void {
    const entry = () => run()
    this.#soon.push(entry)
    return () => {
      this.#soon = this.#soon.filter((other) => other !== entry)
    }
  }

  /** Runs what was put off to the end of the turn, until there is nothing more. @throws when that never ends */
  settle(): void {
    for (let turns = 0; this.#soon.length > 0; turns++) {
      if (turns > 100_000) throw new Error('turns without end')
      this.#soon.shift()!()
    }
  }

  /** Lets milliseconds pass; timers run in their order, each turn to its end. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds
    this.settle()
    for (;;) {
      let next: Timer | undefined
      for (const timer of this.#timers) if (next === undefined || timer.at < next.at) next = timer
      if (next === undefined || next.at > end) break
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.run()
      this.settle()
    }
    this.#now = end
  }
}
