// A clock whose time passes at the test's command.
import type { Clock } from '../clock.ts'

interface Timer {
  readonly at: number
  readonly run: () => void
}

export class FakeClock implements Clock {
  #now: number
  readonly #timers = new Set<Timer>()
  #soon: (() => void)[] = []

  constructor(now = 1000) {
    this.#now = now
  }

  /** Number of timers that are set. */
  timers(): number {
    return this.#timers.size
  }

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

  /** Runs callbacks of `soon` until there are none. @throws when that never ends */
  settle(): void {
    for (let turns = 0; this.#soon.length > 0; turns++) {
      if (turns > 100_000) throw new Error('turns without end')
      this.#soon.shift()!()
    }
  }

  /** Lets milliseconds pass: runs the timers in order and settles after each. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds
    this.settle()
    while (this.runNext(end)) this.settle()
    this.moveTo(end)
  }

  /** Runs the earliest timer that is due by `end`, at its time; returns false when there is none. */
  runNext(end: number): boolean {
    let next: Timer | undefined
    for (const timer of this.#timers) if (next === undefined || timer.at < next.at) next = timer
    if (next === undefined || next.at > end) return false
    this.#timers.delete(next)
    this.moveTo(Math.max(this.#now, next.at))
    next.run()
    return true
  }

  /** Sets the time; no timer runs. */
  moveTo(now: number): void {
    this.#now = now
  }
}
