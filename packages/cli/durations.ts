/** Durations that options are given as. Pure. */
import { parseDuration } from '@podroute/agent/config/go-values.ts'
import { CliError } from './errors.ts'

/** A day: nobody waits longer. */
const LONGEST = 86_400

/** Milliseconds of `90s` or `3m`, more than none and a day at most. @throws CliError that names the option */
export function millisecondsOf(option: string, text: string): number {
  const seconds = parseDuration(text)
  if (seconds !== undefined && seconds > 0 && seconds <= LONGEST) return seconds * 1000
  throw new CliError('usage', `--${option} is a duration as 90s or 3m, a day at most, not ${text}`)
}
