/** Values of flags as Go's programs take them: booleans and durations. */

const BOOLEANS: Readonly<Record<string, boolean>> = {
  ...{ 1: true, t: true, T: true, true: true, TRUE: true, True: true },
  ...{ 0: false, f: false, F: false, false: false, FALSE: false, False: false },
}

const UNITS: Readonly<Record<string, number>> = {
  ...{ h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, µs: 1e-6, ns: 1e-9 },
}
const DURATION = /^(\d+(\.\d*)?(h|ms|m|s|us|µs|ns))+$/

export function parseBoolean(text: string): boolean | undefined {
  return Object.hasOwn(BOOLEANS, text) ? BOOLEANS[text] : undefined
}

/** Seconds of `1m30s`; undefined where it is no duration. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  if (!DURATION.test(text)) return undefined
  let seconds = 0
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d*)?)([a-zµ]+)/g))
    seconds += Number(count) * UNITS[unit!]!
  return Number(seconds.toFixed(9))
}
