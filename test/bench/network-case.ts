/** What a case of `npm run bench:network` is: a file of its own, listed in network.ts. */
import type { Figure } from './report.ts'

/** Judges and prints a figure of a case. */
export type Say = (figure: Figure) => void

export interface NetworkCase {
  readonly name: string
  /** Measures, and says each figure as soon as it is there. */
  run(say: Say): Promise<void>
}
