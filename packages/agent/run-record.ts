/** How often the agent was started since the node booted, and why its last run ended. Each run writes this down for the next one. */
import * as z from 'zod'

/** What `podroute status` shows of it. */
export interface Runs {
  /** This one included. */
  readonly starts: number
  /** Absent where this is the first run that is known. */
  readonly previous?: PreviousRun
}

export interface PreviousRun {
  /** When it ended, in ISO 8601; absent where it could not say. */
  readonly ended?: string
  readonly reason: string
}

/** What is kept on the node. */
export interface RecordedRuns {
  /** Of the kernel: another one after each boot. */
  readonly bootId: string
  readonly starts: number
  /** Of the run that wrote it; absent while it runs. */
  readonly end?: { readonly at: string; readonly reason: string }
}

const end = z.object({ at: z.string(), reason: z.string() })
export const RUNS = z.object({ bootId: z.string(), starts: z.number(), end: end.optional() })

export interface RunStore {
  load(): RecordedRuns | undefined
  save(runs: RecordedRuns): void
}

export interface RunRecordOptions {
  readonly store: RunStore
  readonly bootId: string
  /** Wall-clock time. */
  now(): Date
}

/** What a run says that could not say anything. */
const KILLED = 'it was killed, or out of memory: see `kubectl describe pod`'
const BOOT = 'the node went down'

export class RunRecord {
  readonly #options: RunRecordOptions
  readonly #runs: Runs

  constructor(options: RunRecordOptions) {
    this.#options = options
    this.#runs = runsAfter(options.store.load(), options.bootId)
  }

  get runs(): Runs {
    return this.#runs
  }

  /** This run is the one of the node: to be called when no other agent runs. */
  begin(): void {
    this.#save({})
  }

  /** The run ends now, or could not begin. */
  end(reason: string): void {
    this.#save({ end: { at: this.#options.now().toISOString(), reason } })
  }

  #save(more: Pick<RecordedRuns, 'end'>): void {
    const { store, bootId } = this.#options
    store.save({ bootId, starts: this.#runs.starts, ...more })
  }
}

function runsAfter(last: RecordedRuns | undefined, bootId: string): Runs {
  if (!last) return { starts: 1 }
  const booted = last.bootId !== bootId
  const previous = last.end
    ? { ended: last.end.at, reason: last.end.reason }
    : { reason: booted ? BOOT : KILLED }
  return { starts: booted ? 1 : last.starts + 1, previous }
}
