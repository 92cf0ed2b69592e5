/**
 * Routers that this node alone peers with: a YAML list, or the older lists in step. Each entry is checked by the schema of the
 * configuration's peers.
 */
import { findingsOf } from '@podroute/feature/findings.ts'
import { nearestName } from '@podroute/feature/nearest-name.ts'
import { parseYaml } from '@podroute/feature/parse-yaml.ts'
import { peerKey } from '../bgp/peer-key.ts'
import { bfd } from '../config/bfd.ts'
import { BFD_FORM, bfdOfAnnotation } from '../config/kube-router-bfd.ts'
import { decodePassword } from '../config/kube-router-peers.ts'
import { externalPeer } from '../config/peer.ts'
import { peer } from '../config/peer-schema.ts'
import type { ExternalPeer } from '../settings.ts'
import { type Find, type Found, listOf, type Say, type Topic } from './topic.ts'

/** kube-router's keys of an entry, and those of the configuration. */
const KEYS: Readonly<Record<string, string>> = {
  remoteip: 'address',
  remoteasn: 'asn',
  localip: 'localAddress',
  password: 'password',
  port: 'port',
  bfd: 'bfd',
}
/** The older annotations, one for each key. */
const LISTS = {
  address: 'peer.ips',
  asn: 'peer.asns',
  port: 'peer.ports',
  password: 'peer.passwords',
  localAddress: 'peer.localips',
} as const

type Entry = Record<string, unknown>

/** Where a key of an entry is written: `kube-router.io/peers[0].remoteasn`. */
type PathOf = (key: string) => string

export const PEERS: Topic<'peers'> = {
  key: 'peers',
  suffixes: ['peers', ...Object.values(LISTS)],
  parse(find, say) {
    const whole = find('peers')
    const peers = whole ? fromYaml(whole, say) : fromLists(find, say)
    sayTwice(peers, say)
    return peers.map(({ peer: parsed }) => parsed)
  },
}

interface Parsed {
  readonly peer: ExternalPeer
  readonly path: string
}

function fromYaml({ name, text }: Found, say: Say): Parsed[] {
  const problems: string[] = []
  const list = parseYaml(text, problems)
  // No more of it than where it is: a password may stand there.
  for (const problem of problems)
    say(name, `not a list in YAML ${/at line \d+, column \d+/.exec(problem)?.[0] ?? ''}`.trim())
  if (problems.length > 0 || list === null || list === undefined) return []
  if (!Array.isArray(list)) {
    say(name, 'not a list in YAML, such as - {remoteip: 192.0.2.1, remoteasn: 64512}')
    return []
  }
  return list.flatMap((entry: unknown, i) => fromEntry(entry, `${name}[${i}]`, say) ?? [])
}

/** An entry in kube-router's words, or one as the configuration has it. */
function fromEntry(entry: unknown, path: string, say: Say): Parsed | undefined {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    say(path, 'not a router such as {remoteip: 192.0.2.1, remoteasn: 64512}')
    return undefined
  }
  if (!('address' in entry || 'interface' in entry)) return fromKubeRouter(entry as Entry, path, say)
  if ('passwordFile' in entry) {
    say(`${path}.passwordFile`, 'an annotation names no files of the node: name it in the configuration')
    return undefined
  }
  return checked(entry as Entry, (key) => `${path}.${key}`, path, say)
}

function fromKubeRouter(entry: Entry, path: string, say: Say): Parsed | undefined {
  const translated: Entry = {}
  let known = true
  for (const [key, value] of Object.entries(entry)) {
    const ours = KEYS[key]
    if (ours !== undefined && value === '') continue
    if (ours !== undefined) translated[ours] = ours === 'bfd' ? bfdOfAnnotation(value) : value
    else {
      known = false
      const near = nearestName(key, Object.keys(KEYS))
      say(
        `${path}.${key}`,
        near
          ? `unknown key, did you mean "${near}"?`
          : `unknown key, the keys here are ${Object.keys(KEYS).join(', ')}`,
      )
    }
  }
  if ('bfd' in translated && !bfd.safeParse(translated.bfd).success) {
    say(`${path}.bfd`, BFD_FORM)
    known = false
  }
  if (!known) return undefined
  const theirs = Object.fromEntries(Object.entries(KEYS).map(([key, ours]) => [ours, key]))
  const pathOf = (key: string) => `${path}.${theirs[key] ?? key}`
  return decoded(translated, pathOf('password'), say) && checked(translated, pathOf, path, say)
}

function fromLists(find: Find, say: Say): Parsed[] {
  const found = Object.entries(LISTS).flatMap(([key, suffix]) => {
    const annotation = find(suffix)
    return annotation ? [{ key, name: annotation.name, list: listOf(annotation) }] : []
  })
  const [first] = found
  if (!first) return []
  const addresses = found.find(({ key }) => key === 'address')
  if (!addresses) {
    say(first.name, `it says nothing without ${LISTS.address}`)
    return []
  }
  const odd = found.filter(({ list }) => list.length !== addresses.list.length)
  for (const { name, list } of odd)
    say(
      name,
      `${list.length} for ${addresses.list.length} routers: one for each of ${addresses.name}, in their order, is needed`,
    )
  if (odd.length > 0) return []
  return addresses.list.flatMap((_, i) => {
    const given = found.filter(({ list }) => list[i] !== '')
    const entry: Entry = Object.fromEntries(given.map(({ key, list }) => [key, typed(list[i]!, key)]))
    const pathOf = (key: string) => `${found.find((one) => one.key === key)?.name ?? addresses.name}[${i}]`
    const path = `${addresses.name}[${i}]`
    return (decoded(entry, pathOf('password'), say) && checked(entry, pathOf, path, say)) ?? []
  })
}

/** The schema says what is wrong with text that is no number. */
function typed(text: string, key: string): unknown {
  return (key === 'asn' || key === 'port') && /^\d+$/.test(text) ? Number(text) : text
}

/** Puts the password in place of its base64. Returns undefined where it is none. */
function decoded(entry: Entry, path: string, say: Say): true | undefined {
  const { password } = entry
  if (password === '' || password === null) delete entry.password
  if (typeof password !== 'string' || password === '') return true
  entry.password = decodePassword(password)
  if (entry.password !== undefined) return true
  say(path, 'not base64: printf PASSWORD | base64 makes it')
  return undefined
}

function checked(entry: Entry, pathOf: PathOf, path: string, say: Say): Parsed | undefined {
  const result = peer.safeParse(entry)
  if (!result.success) {
    for (const { path: at, message } of findingsOf(peer, result.error)) {
      const [key, ...inner] = at
      say(key === undefined ? path : `${pathOf(String(key))}${innerText(inner)}`, message)
    }
    return undefined
  }
  let good = true
  const input = {
    problem(at: string, message: string) {
      good = false
      const key = at.startsWith(`${path}.`) ? at.slice(path.length + 1) : ''
      say(/^\w+$/.test(key) ? pathOf(key) : at, message)
    },
    readSecret: () => undefined,
    readSecretIfThere: () => undefined,
    trySecret: () => ({ problem: 'an annotation names no files of the node' }),
  }
  const parsed = externalPeer(result.data, path, input)
  return good ? { peer: parsed, path } : undefined
}

/** `.enabled`, `[0]`; nothing of an empty path. */
function innerText(path: readonly PropertyKey[]): string {
  return path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('')
}

function sayTwice(peers: readonly Parsed[], say: Say): void {
  for (const [i, { path, peer: one }] of peers.entries()) {
    const first = peers.find((other) => peerKey(other.peer) === peerKey(one))
    if (first !== peers[i]) say(path, `${peerKey(one)} is ${first!.path} already`)
  }
}
