// iptables' nat table, by executing the host's iptables: where it is asked for, where the kernel has nothing else, and to
// remove what others made with it.

import { failure } from '../errors.ts'
import { Family, Nftables } from '../netlink/nftables.ts'
import { type System, unless } from '../system.ts'

const DIRECTORIES = ['/usr/sbin', '/sbin', '/usr/local/sbin', '/usr/bin', '/bin']
const LOCK_SECONDS = '5'
const COMMENT_LIMIT = 255
const CHAIN_LIMIT = 28

function findProgram(system: System, name: string): string | undefined {
  return DIRECTORIES.map((directory) => `${directory}/${name}`).find(
    (path) => unless(['ENOENT', 'ENOTDIR'], () => system.status(path)) !== undefined,
  )
}

const programName = (family: 4 | 6) => (family === 4 ? 'iptables' : 'ip6tables')

export const hasIptables = (system: System): boolean => findProgram(system, programName(4)) !== undefined

export class NatTable {
  private readonly system: System
  private readonly program: string

  /** @throws CniError when the host has no iptables */
  constructor(system: System, family: 4 | 6) {
    const program = findProgram(system, programName(family))
    if (program === undefined) throw failure(`failed to locate ${programName(family)}`)
    this.system = system
    this.program = program
  }

  private run(program: string, args: readonly string[], input: string): string {
    const { status, output, error } = this.system.run(
      program,
      [program, '-w', LOCK_SECONDS, ...args],
      input,
      '',
    )
    if (status !== 0) throw failure(`${program} failed: ${error.trim() || `status ${status}`}`)
    return output
  }

  /** Chains ('-N name') and rules ('-A chain …') in iptables' own spelling. */
  list(): string[] {
    return this.run(this.program, ['-t', 'nat', '-S'], '').split('\n')
  }

  /** Lines in the language of iptables-restore, which take effect together. */
  apply(lines: readonly string[]): void {
    if (lines.length === 0) return
    this.run(`${this.program}-restore`, ['--noflush'], `*nat\n${lines.join('\n')}\nCOMMIT\n`)
  }
}

/** The name that the reference plugins give a container's chain. */
export const chainName = (system: System, kind: '' | 'DN-', network: string, containerId: string): string =>
  `CNI-${kind}${system.sha512(network + containerId)}`.slice(0, CHAIN_LIMIT)

/** A word of a rule, as iptables-restore reads it. */
export const quote = (word: string): string =>
  `"${[...word].map((c) => (c === '"' || c === '\\' ? `\\${c}` : c)).join('')}"`

const shorten = (text: string) =>
  text.length <= COMMENT_LIMIT ? text : `${text.slice(0, COMMENT_LIMIT - 2)}...`.slice(0, COMMENT_LIMIT)

/** How the reference plugins mark a container's rules. */
export const matchComment = (prefix: string, network: string, containerId: string): string =>
  `-m comment --comment ${quote(shorten(`${prefix}name: "${network}" id: "${containerId}"`))}`

/** Makes the chain, or empties it. */
export const declareChain = (chain: string): string => `:${chain} - [0:0]`

export const hasChain = (listed: readonly string[], chain: string): boolean => listed.includes(`-N ${chain}`)

const jumpsTo = (listed: readonly string[], chain: string) =>
  listed.filter((line) => line.startsWith('-A ') && line.endsWith(` -j ${chain}`))

/** Lines that remove every rule that leads to the chain. */
export const removeJumps = (listed: readonly string[], chain: string): string[] =>
  jumpsTo(listed, chain).map((line) => `-D${line.slice(2)}`)

/** Lines that remove the chain and what leads to it; none when it is not there. */
export const removeChain = (listed: readonly string[], chain: string): string[] =>
  hasChain(listed, chain) ? [...removeJumps(listed, chain), `-F ${chain}`, `-X ${chain}`] : []

/** The chains whose comments name the network and a container that is not among the valid ones. */
export function staleChains(
  listed: readonly string[],
  prefix: string,
  network: string,
  validIds: ReadonlySet<string>,
): string[] {
  const mark = `--comment "${prefix}name: \\"${network}\\" id: \\"`
  const stale = new Set<string>()
  for (const line of listed) {
    const at = line.indexOf(mark)
    const chain = line.slice(line.lastIndexOf(' -j ') + 4)
    if (at < 0 || !hasChain(listed, chain)) continue
    const id = line.slice(at + mark.length, line.indexOf('\\"', at + mark.length))
    if (!validIds.has(id)) stale.add(chain)
  }
  return [...stale]
}

const LEGACY_TABLES = { 4: '/proc/net/ip_tables_names', 6: '/proc/net/ip6_tables_names' } as const

/**
 * Whether the table may have rules of the chain, asked of the kernel: executing iptables takes longer than all else that a
 * DEL does. iptables-nft keeps its chains in nftables; of the older one it is only known which tables it has.
 */
export function mayHaveRules(system: System, family: 4 | 6, chain: string): boolean {
  const legacy = unless(['ENOENT', 'EACCES', 'EPERM'], () => system.readFile(LEGACY_TABLES[family]))
  if (legacy?.split('\n').includes('nat')) return true
  const table = { family: family === 4 ? Family.ip : Family.ip6, name: 'nat' }
  return !lacksNftables(system) && new Nftables(system).rules(table, chain).length > 0
}

/** What the kernel answers where there is no nftables: to the socket, or to the first question. */
const UNSUPPORTED = ['EPROTONOSUPPORT', 'EAFNOSUPPORT', 'EOPNOTSUPP', 'EINVAL']

export function lacksNftables(system: System): boolean {
  const table = { family: Family.ip, name: 'nat' }
  return unless(UNSUPPORTED, () => new Nftables(system).rules(table, 'PREROUTING')) === undefined
}

export type Backend = 'nftables' | 'iptables'

/** Does it by nftables; by iptables when that is asked for, or when it is all that there is. */
export function byBackend(
  system: System,
  backend: Backend | undefined,
  nftables: () => void,
  iptables: () => void,
): void {
  if (backend === 'iptables') {
    iptables()
    return
  }
  try {
    nftables()
  } catch (error) {
    if (backend === undefined && lacksNftables(system) && hasIptables(system)) iptables()
    else throw error
  }
}
