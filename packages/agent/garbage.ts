/**
 * Collects garbage after work, once it is calm. V8 does that by itself, too, but on a clock of its own: after a start it wakes up every
 * 8 s, and collects twice in the four minutes that follow, which took a third of all that an idle agent takes. The DaemonSet turns that off
 * (`--no-memory-reducer`) and gives the agent the call (`--expose-gc`).
 */
import type { Clock } from '@podroute/reconcile/clock.ts'
import { releaseProgram } from './snapshot-pages.ts'

export interface GarbageOptions {
  readonly clock: Clock
  /** Processor time of the process so far, in milliseconds. */
  cpu(): number
  /** A whole collection, that gives back what it can. */
  collect(): void
  /** Told at each look whether there was no work since the last one. */
  looked?(calm: boolean): void
}

/** Milliseconds between two looks. */
const LOOK_EVERY = 20_000
/** Processor time, in milliseconds, that is worth a collection, which takes 50 to 150 ms: an idle agent takes it in half an hour. */
const WORK = 3000
/** Processor time between two looks, in milliseconds, from which on the agent counts as busy: a twentieth of the time. */
const BUSY = 1000

export class Garbage implements Disposable {
  readonly #options: GarbageOptions
  #timer: Disposable | undefined
  /** Processor time then. The first one follows the start, whatever that took. */
  #collectedAt = Number.NEGATIVE_INFINITY
  #lookedAt = 0

  constructor(options: GarbageOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = this.#options.clock.after(LOOK_EVERY, () => this.#look())
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]()
  }

  #look(): void {
    const { cpu, collect, looked } = this.#options
    const now = cpu()
    const calm = now - this.#lookedAt < BUSY
    this.#lookedAt = now
    looked?.(calm)
    if (calm && now - this.#collectedAt >= WORK) {
      collect()
      this.#collectedAt = cpu()
    }
    this.start()
  }
}

/** Undefined where Node.js was started without `--expose-gc`: V8 does it by itself then. */
export function createGarbage(clock: Clock, looked: (calm: boolean) => void): Garbage | undefined {
  const { gc } = globalThis
  if (gc === undefined) return undefined
  const cpu = () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  }
  return new Garbage({
    ...{ clock, cpu, looked },
    collect: () => {
      gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
      try {
        releaseProgram()
      } catch {
        // What is not to be had costs memory, and nothing else.
      }
    },
  })
}
