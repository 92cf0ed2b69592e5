/** Surroundings of commands in tests. */
import type { Surroundings } from '../command.ts'
import { PLAIN } from '../style.ts'

/** Of a command that nobody looks at: no terminal, never ended. */
export const QUIET: Surroundings = {
  write() {},
  say() {},
  exit() {},
  terminal: false,
  style: PLAIN,
  signal: new AbortController().signal,
}
