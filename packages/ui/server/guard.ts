/**
 * Who may ask the page's server: the browser of whoever started it. Another site's page could reach the port, by a name that leads to this machine
 * (DNS rebinding) or directly; so could other users of it. So the name in the request must be this machine's own, and a secret is needed. Pure.
 */
import { timingSafeEqual } from 'node:crypto'

export interface Headers {
  readonly host?: string | undefined
  readonly origin?: string | undefined
  readonly cookie?: string | undefined
  readonly 'sec-fetch-site'?: string | string[] | undefined
}

export const COOKIE = 'podroute-ui'

const OWN_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])
/** A link that was typed, and what the page itself asks. */
const OWN_SITES: ReadonlySet<string> = new Set(['none', 'same-origin'])

/** Why not; undefined: nothing is wrong. The secret is not looked at. */
export function refusal(method: string | undefined, headers: Headers): string | undefined {
  const { host = '', origin } = headers
  if (method !== 'GET') return 'only GET is answered: nothing can be changed here'
  if (!OWN_NAMES.has(host.replace(/:\d+$/, ''))) return 'ask by the name localhost or 127.0.0.1'
  if (origin !== undefined && origin !== `http://${host}`) return 'pages of other sites may not ask'
  const site = headers['sec-fetch-site']
  if (site !== undefined && !OWN_SITES.has(String(site))) return 'pages of other sites may not ask'
  return undefined
}

export function knowsSecret({ cookie = '' }: Headers, secret: string): boolean {
  const values = cookie.split(/; */).map((one) => one.split('='))
  return values.some(([name, value = '']) => name === COOKIE && isSecret(value, secret))
}

export function isSecret(text: string, secret: string): boolean {
  const [given, wanted] = [Buffer.from(text), Buffer.from(secret)]
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}
