// resolv.conf (5) as the DNS part of a result.

import type { Dns } from '../protocol/result.ts'

const isBlank = (c: string) => c === ' ' || c === '\t' || c === '\r' || c === '\v' || c === '\f'

/** The words of a line. */
function words(line: string): string[] {
  const found: string[] = []
  let word = ''
  for (const c of line) {
    if (!isBlank(c)) word += c
    else if (word !== '') {
      found.push(word)
      word = ''
    }
  }
  if (word !== '') found.push(word)
  return found
}

export function parseResolvConf(text: string): Dns {
  const nameservers: string[] = []
  const search: string[] = []
  const options: string[] = []
  let domain = ''
  for (const line of text.split('\n')) {
    const [key, ...values] = words(line)
    if (key === undefined || key.startsWith('#') || key.startsWith(';') || values.length === 0) continue
    if (key === 'nameserver') nameservers.push(values[0]!)
    else if (key === 'domain') domain = values[0]!
    else if (key === 'search') search.push(...values)
    else if (key === 'options') options.push(...values)
  }
  return {
    ...(nameservers.length > 0 ? { nameservers } : {}),
    ...(domain === '' ? {} : { domain }),
    ...(search.length > 0 ? { search } : {}),
    ...(options.length > 0 ? { options } : {}),
  }
}
