/** kube-router's flags of routers that every node peers with: lists in step, one entry for each router. */
import {
  type Flag,
  type FlagEffect,
  type FlagInput,
  type FlagValues,
  partOf,
  refuse,
} from '@podroute/feature/flag.ts'
import { bfdOfFlags, KUBE_ROUTER_BFD_FLAGS } from './kube-router-bfd.ts'

const IPS = 'peer-router-ips'
const MULTIHOP = 'peer-router-multihop-ttl'
const PASSWORDS = 'peer-router-passwords'
const PASSWORDS_FILE = 'peer-router-passwords-file'

type Entry = Record<string, unknown>

const part = (name: string, takes: Flag['takes'], key: string): Flag =>
  partOf(name, takes, IPS, [`peers[].${key}`])

export const KUBE_ROUTER_PEER_FLAGS: readonly Flag[] = [
  { name: IPS, takes: 'list', keys: ['peers[].address'], effects: (_, all) => peersOf(all) },
  part('peer-router-asns', 'list', 'asn'),
  part('peer-router-ports', 'list', 'port'),
  part(PASSWORDS, 'list', 'password'),
  part(PASSWORDS_FILE, 'text', 'password'),
  part(MULTIHOP, 'number', 'multihop'),
  ...KUBE_ROUTER_BFD_FLAGS,
]

function peersOf(all: FlagValues): FlagEffect[] {
  const list = (name: string) => (all.get(name) as readonly string[] | undefined) ?? []
  const addresses = list(IPS)
  const wrong = [
    ...lengthProblem(addresses, 'peer-router-asns', list('peer-router-asns'), false),
    ...lengthProblem(addresses, 'peer-router-ports', list('peer-router-ports'), true),
    ...lengthProblem(addresses, PASSWORDS, list(PASSWORDS), true),
  ]
  if (wrong.length > 0) return wrong
  const file = all.get(PASSWORDS_FILE) as string | undefined
  const peers = addresses.map(
    (address, i): Entry => ({
      address,
      asn: numberOf(list('peer-router-asns')[i]),
      ...optional('port', numberOf(list('peer-router-ports')[i])),
      ...optional('bfd', bfdOfFlags(all)),
      // kube-router takes one hop for none.
      ...(Number(all.get(MULTIHOP) ?? 0) >= 2 ? { multihop: all.get(MULTIHOP) } : {}),
    }),
  )
  const edit = (now: unknown, input: FlagInput) => {
    const passwords = list(PASSWORDS).length > 0 ? list(PASSWORDS) : fromFile(file, addresses, input)
    const own = peers.map((peer, i) => ({
      ...peer,
      ...optional('password', decode(passwords[i], `--${PASSWORDS}[${i}]`, input)),
    }))
    return withPeers(now, own, addresses)
  }
  return [{ kind: 'edit', path: ['peers'], edit }]
}

/** Those of the file that flags do not name come behind: a flag wins over the file. */
function withPeers(now: unknown, own: readonly Entry[], addresses: readonly string[]): unknown {
  if (now === undefined || now === null) return own
  if (!Array.isArray(now)) return now
  const named = (entry: unknown) => addresses.includes(String((entry as Entry | null)?.address))
  return [...own, ...now.filter((entry) => !named(entry))]
}

/** kube-router's file: one line of passwords between commas, each as base64. */
function fromFile(
  file: string | undefined,
  addresses: readonly string[],
  input: FlagInput,
): readonly string[] {
  const text = file === undefined ? undefined : input.readSecret(file, `--${PASSWORDS_FILE}`)
  if (text === undefined) return []
  const passwords = text.split(',').map((part) => part.trim())
  if (passwords.length !== addresses.length)
    input.problem(`--${PASSWORDS_FILE}`, countText(passwords.length, addresses.length))
  return passwords
}

function decode(text: string | undefined, path: string, input: FlagInput): string | undefined {
  if (text === undefined || text === '') return undefined
  const password = decodePassword(text)
  if (password === undefined) input.problem(path, 'not base64: printf PASSWORD | base64 makes it')
  return password
}

/** What `printf password | base64` prints; a line's end that was encoded with it is none of the password's. */
export function decodePassword(text: string): string | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.length % 4 === 1) return undefined
  return Buffer.from(text, 'base64')
    .toString('utf8')
    .replace(/\r?\n$/, '')
}

function lengthProblem(
  addresses: readonly string[],
  name: string,
  list: readonly string[],
  mayBeAbsent: boolean,
): FlagEffect[] {
  if (list.length === addresses.length || (mayBeAbsent && list.length === 0)) return []
  return [refuse(`--${name}: ${countText(list.length, addresses.length)}`)]
}

function countText(count: number, routers: number): string {
  return `${count} for ${routers} routers: one for each of --${IPS}, in their order, is needed`
}

/** The schema says what is wrong with text that is no number. */
function numberOf(text: string | undefined): unknown {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : text
}

function optional(key: string, value: unknown): Entry {
  return value === undefined || value === '' ? {} : { [key]: value }
}
