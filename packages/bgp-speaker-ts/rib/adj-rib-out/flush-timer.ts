// Decides when the tables are flushed: at the end of the event loop's turn. After a wide flush, one that wrote few prefixes to many peers, the next
// one waits so that it carries more prefixes. The first change after that rest waits for a moment too, because changes seldom come alone:
// the routes of many lost peers are then withdrawn in one flush.
import type { Clock } from '../../clock.ts'

/** Longest rest in milliseconds after a wide flush; it is as long as the flush took. Sending 2,000 peers one prefix costs as much as sending them a hundred. */
const MAX_REST = 100
/** Longest wait in milliseconds of the first change after a rest: half the time of the last wide flush, and none when that is below a timer's resolution. */
const MAX_FIRST_WAIT = 10

/** The result of a flush. */
export interface FlushResult {
  /** There is more work: the next turn of the event loop goes on. */
  readonly more: boolean
  /** It wrote to more peers than there were prefixes. */
  readonly wide: boolean
}

export class FlushTimer {
  readonly #clock: Clock
  readonly #flush: () => FlushResult
  #cancel: (() => void) | undefined
  #waits = false
  #notBefore = Number.NEGATIVE_INFINITY
  #firstWait = 0
  #closed = false

  constructor(clock: Clock, flush: () => FlushResult) {
    this.#clock = clock
    this.#flush = flush
  }

  /** Schedules a flush after a change. */
  schedule(): void {
    if (this.#cancel !== undefined || this.#closed) return
    const wait = Math.max(this.#notBefore - this.#clock.now(), this.#firstWait)
    this.#waits = wait > 0
    this.#cancel = this.#waits ? this.#clock.after(wait, this.#run) : this.#clock.soon(this.#run)
  }

  /** Schedules a flush at the end of this turn: work that waited can go on. */
  hurry(): void {
    if (this.#closed || (this.#cancel !== undefined && !this.#waits)) return
    this.#cancel?.()
    this.#waits = false
    this.#cancel = this.#clock.soon(this.#run)
  }

  close(): void {
    this.#closed = true
    this.#cancel?.()
  }

  readonly #run = (): void => {
    this.#cancel = undefined
    const started = this.#clock.now()
    const { more, wide } = this.#flush()
    const now = this.#clock.now()
    const took = wide ? now - started : 0
    if (wide) this.#notBefore = now + Math.min(took, MAX_REST)
    this.#firstWait = took < 2 ? 0 : Math.min(took / 2, MAX_FIRST_WAIT)
    if (more) this.hurry()
  }
}
