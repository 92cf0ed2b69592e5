/**
 * V8 compiles what runs often while the agent starts, which costs more than it gains: most of that code runs for the first sync
 * and hardly ever again. Until then all is interpreted; compiled code of modules and snapshots counts for one set of options only,
 * so the build makes the snapshot with these.
 */
import { setFlagsFromString } from 'node:v8'

/** Those that take about as long as a few runs of what they compile. */
const QUICK = ['sparkplug', 'maglev']
const ALL = [...QUICK, 'opt']

export const WITHOUT_COMPILERS: readonly string[] = ALL.map((name) => `--no-${name}`)

/** Whoever waits longest gets compiled code all the same: milliseconds. */
const LONGEST_PAUSE = 20_000
const LONGEST_PAUSE_OF_ALL = 60_000

export function pauseCompilers(): void {
  for (const flag of WITHOUT_COMPILERS) setFlagsFromString(flag)
  setTimeout(resumeQuickCompilers, LONGEST_PAUSE).unref()
  setTimeout(resumeCompilers, LONGEST_PAUSE_OF_ALL).unref()
}

/** A first sync of very many objects is over before the one that optimizes has paid for itself, in time and in memory. */
export function resumeQuickCompilers(): void {
  for (const name of QUICK) setFlagsFromString(`--${name}`)
}

export function resumeCompilers(): void {
  resumeQuickCompilers()
  if (!calm) setFlagsFromString('--opt')
}

let calm = false

/**
 * While there is no work nothing is optimized: what runs a few times a second would become hot all the same, one function after the other,
 * which in the first quarter of an hour was a third of all that an idle agent took. What is compiled stays.
 */
export function optimizeWork(isCalm: boolean): void {
  if (isCalm !== calm) setFlagsFromString(isCalm ? '--no-opt' : '--opt')
  calm = isCalm
}
