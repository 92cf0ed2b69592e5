/**
 * Says things about objects, as Events and wherever else the caller says them. Whoever may change an object could have an Event and a
 * line in the log for each change: so there are limits for each object and reason, and one for all together. What is held back is
 * counted, and the last of it is said when its time comes.
 */
import type { Clock } from '@podroute/reconcile/clock.ts'
import { type EventObject, makeEvent, type Reporter, type Statement } from './event.ts'
import { NoiseLimit, type NoiseSettings } from './noise-limit.ts'

export interface EventRecorderOptions {
  /** Where Events go. */
  readonly sink: { add(event: EventObject): void }
  readonly reporter: Reporter
  readonly clock: Clock
  /** Wall-clock time. */
  readonly wall: () => Date
  readonly perReason?: NoiseSettings
  readonly total?: NoiseSettings
}

export interface EventStats {
  readonly said: number
  /** Those that were only counted, because more like them came. */
  readonly heldBack: number
}

interface Waiting {
  statement: Statement
  say: ((count: number) => void) | undefined
  count: number
}

const PER_REASON: NoiseSettings = { burst: 5, first: 60_000, max: 1_800_000 }
/** Refills a token every two seconds. */
const TOTAL: NoiseSettings = { burst: 100, first: 2000, max: 2000 }
/** Objects and reasons that wait; more are dropped, those that have waited for longest first. */
const MOST_WAITING = 1000
const ALL = ''

export class EventRecorder implements Disposable {
  readonly #options: EventRecorderOptions
  readonly #perReason: NoiseLimit
  readonly #total: NoiseLimit
  readonly #waiting = new Map<string, Waiting>()
  #timer: Disposable | undefined
  #due = 0
  #said = 0
  #heldBack = 0

  constructor(options: EventRecorderOptions) {
    this.#options = options
    this.#perReason = new NoiseLimit(options.perReason ?? PER_REASON)
    this.#total = new NoiseLimit(options.total ?? TOTAL)
  }

  get stats(): EventStats {
    return { said: this.#said, heldBack: this.#heldBack }
  }

  /**
   * @param say called when it is said, now or later, unless something newer of the same object and reason is said instead; with how
   *   many have come meanwhile, this one included. The place for a line in the log.
   */
  record(statement: Statement, say?: (count: number) => void): void {
    const key = keyOf(statement)
    const waiting = this.#waiting.get(key)
    if (waiting) {
      this.#heldBack++
      Object.assign(waiting, { statement, say, count: waiting.count + 1 })
    } else if (this.#wait(key) === 0) this.#say(key, { statement, say, count: 1 })
    else this.#hold(key, { statement, say, count: 1 })
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]()
    this.#waiting.clear()
  }

  #hold(key: string, waiting: Waiting): void {
    if (this.#waiting.size >= MOST_WAITING) {
      this.#heldBack++
      this.#waiting.delete(this.#waiting.keys().next().value!)
    }
    this.#waiting.set(key, waiting)
    this.#wakeWithin(this.#wait(key))
  }

  #say(key: string, { statement, say, count }: Waiting): void {
    const now = this.#options.clock.now()
    this.#perReason.take(key, now)
    this.#total.take(ALL, now)
    this.#said++
    say?.(count)
    this.#options.sink.add(makeEvent(statement, this.#options.reporter, this.#options.wall(), count))
  }

  #sayDue(): void {
    this.#timer = undefined
    for (const [key, waiting] of this.#waiting) {
      if (this.#wait(key) > 0) continue
      this.#waiting.delete(key)
      this.#say(key, waiting)
    }
    let earliest = Number.POSITIVE_INFINITY
    for (const key of this.#waiting.keys()) earliest = Math.min(earliest, this.#wait(key))
    if (this.#waiting.size > 0) this.#wakeWithin(earliest)
  }

  #wakeWithin(milliseconds: number): void {
    const due = this.#options.clock.now() + milliseconds
    if (this.#timer && this.#due <= due) return
    this.#timer?.[Symbol.dispose]()
    this.#due = due
    this.#timer = this.#options.clock.after(milliseconds, () => this.#sayDue())
  }

  #wait(key: string): number {
    const now = this.#options.clock.now()
    return Math.max(this.#perReason.wait(key, now), this.#total.wait(ALL, now))
  }
}

/** Without the uid: an object that is made anew each time is no way around the limit. */
function keyOf({ regarding, reason }: Statement): string {
  const { kind, namespace, name } = regarding
  return [kind, namespace, name, reason].join(' ')
}
