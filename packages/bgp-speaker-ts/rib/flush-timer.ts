// When the tables are flushed: at the end of the event loop's turn; but after a flush that was mostly writing the same few prefixes
// to many peers, a while later, so that the next one has more to say. Where the last one was like that, every change waits for a
// moment, as it seldom comes alone: what many peers that are lost had announced is told to the others at once.
import type { Clock } from '../clock.ts'

/** After a flush that told more peers than prefixes nothing is flushed for as long as it took, but for at most so many milliseconds: telling 2,000 peers of one prefix costs as much as of a hundred. */
const LONGEST = 100
/** Milliseconds that the first change after a rest waits at most: half of what the last flush took, but not where that is less than a timer can count. */
const LONGEST_MOMENT = 10

/** What a flush did. */
export interface FlushResult {
  /** It is not done: the next turn goes on. */
  readonly more: boolean
  /** It told more peers than prefixes. */
  readonly wide: boolean
}

export class FlushTimer {
  readonly #clock: Clock
  readonly #flush: () => FlushResult
  #cancel: (() => void) | undefined
  #waits = false
  #notBefore = Number.NEGATIVE_INFINITY
  #moment = 0
  #closed = false

  constructor(clock: Clock, flush: () => FlushResult) {
    this.#clock = clock
    this.#flush = flush
  }

  /** Something changed. */
  schedule(): void {
    if (this.#cancel !== undefined || this.#closed) return
    const wait = Math.max(this.#notBefore - this.#clock.now(), this.#moment)
    this.#waits = wait > 0
    this.#cancel = this.#waits ? this.#clock.after(wait, this.#run) : this.#clock.soon(this.#run)
  }

  /** Something that waited can go on: at the end of this turn. */
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
    if (wide) this.#notBefore = now + Math.min(took, LONGEST)
    this.#moment = took < 2 ? 0 : Math.min(took / 2, LONGEST_MOMENT)
    if (more) this.hurry()
  }
}
