/**
 * V8 compiles what runs often while the agent starts, which costs more than it gains: most of that code runs for the first sync
 * and hardly ever again. Until then all is interpreted; compiled code of modules and snapshots counts for one set of options only,
 * so the build makes the snapshot with these.
 */
import { setFlagsFromString } from 'node:v8'

const COMPILERS = ['sparkplug', 'maglev', 'opt']

export const WITHOUT_COMPILERS: readonly string[] = COMPILERS.map((name) => `--no-${name}`)

/** Whoever waits longest gets compiled code all the same: milliseconds. */
const LONGEST_PAUSE = 20_000

export function pauseCompilers(): void {
  for (const flag of WITHOUT_COMPILERS) setFlagsFromString(flag)
  setTimeout(resumeCompilers, LONGEST_PAUSE).unref()
}

export function resumeCompilers(): void {
  for (const name of COMPILERS) setFlagsFromString(`--${name}`)
}
