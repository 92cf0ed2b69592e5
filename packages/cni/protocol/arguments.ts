// CNI_ARGS: 'K=V;K=V', where a key that the plugin does not know is an error unless IgnoreUnknown says otherwise.

import { failure } from '../errors.ts'

function parseFlag(value: string, pair: string): boolean {
  const lower = value.toLowerCase()
  if (lower === '1' || lower === 'true') return true
  if (lower === '0' || lower === 'false') return false
  throw failure(`ARGS: error parsing value of pair ${JSON.stringify(pair)}`)
}

/** The values of the `known` keys that are given. */
export function parseArguments(text: string, known: readonly string[]): Readonly<Record<string, string>> {
  const values: Record<string, string> = {}
  if (text === '') return values
  const unknown: string[] = []
  let ignoreUnknown = false
  for (const pair of text.split(';')) {
    const parts = pair.split('=')
    if (parts.length !== 2) throw failure(`ARGS: invalid pair ${JSON.stringify(pair)}`)
    const [key, value] = parts as [string, string]
    if (key === 'IgnoreUnknown') ignoreUnknown = parseFlag(value, pair)
    else if (known.includes(key)) values[key] = value
    else unknown.push(pair)
  }
  if (unknown.length > 0 && !ignoreUnknown) throw failure(`ARGS: unknown args ${JSON.stringify(unknown)}`)
  return values
}
