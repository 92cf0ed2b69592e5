/**
 * What one combination of policies does to the pods that it selects, in one direction and family: a chain that returns for what is
 * allowed and has the rest counted and dropped. Pods with equal rules share it. Pure.
 */
import type { Family } from '@podroute/address/address.ts'
import type { Action } from '@podroute/cluster/objects/cluster-network-policy.ts'
import type { Direction, PolicyPort, PolicyRule } from '@podroute/cluster/objects/network-policy.ts'
import type { Protocol } from '@podroute/cluster/objects/service.ts'
import { type Range, union } from './ranges.ts'
import { idOf, type PodUnion, type PortName, portName, portSet } from './references.ts'
import { alternatives, type RulePeers, type Sources, sourceMatches, sourcesOf } from './sources.ts'

/** As numbers: names depend on the /etc/protocols at hand. */
const PROTOCOL_NUMBERS: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 }
/** Each is there for each peer: more would multiply the rules. */
const FEW_PORTS = 2
const ALL_PORTS = { first: 1, last: 65_535 }

export interface PolicyChain {
  /** Follows from the rules. */
  readonly name: string
  /** As nft lists them. */
  readonly rules: readonly string[]
}

export interface CompiledClass {
  /** Where packets are led. */
  readonly chain: PolicyChain
  /** That one, and what it leads to. */
  readonly chains: readonly PolicyChain[]
  readonly unions: readonly PodUnion[]
  readonly portNames: readonly PortName[]
}

export interface RuleOfPolicy {
  readonly namespace: string
  readonly rule: PolicyRule
}

export interface ClassScope {
  readonly direction: Direction
  readonly family: Family
  /** Numbers of a named port of the pods that the rules are for. */
  numbersOf(protocol: Protocol, name: string): readonly number[]
}

/** What is asked, one after the other. */
export interface TieredRules {
  /** In their order. */
  readonly admin: readonly ActionRule[]
  /** Of NetworkPolicies: what they do not allow is denied. Undefined: none isolates. */
  readonly own: readonly RuleOfPolicy[] | undefined
  /** In their order. */
  readonly baseline: readonly ActionRule[]
}

interface ActionRule extends PolicyRule {
  readonly action: Action
}

/** Undefined: everything is allowed, which needs no chain. */
export function compileClass(
  { admin, own, baseline }: TieredRules,
  scope: ClassScope,
): CompiledClass | undefined {
  const unions = new Map<string, PodUnion>()
  const portNames = new Map<string, PortName>()
  const matchesOf: Matches = ({ peers, ports }) => {
    const through = portMatches(ports, scope, portNames)
    return product(sourceMatches(sourcesOf([{ peers, namespace: '' }]), scope, unions, through), through)
  }
  const drop = `goto denied-${scope.direction}`
  const rest = own
    ? allowed(sourcesByPort(own, scope, portNames), scope, unions, drop)
    : ordered(baseline, matchesOf, { accept: 'return', pass: 'return', deny: drop })
  const second = rest.length > 0 ? chainOf(rest, scope) : undefined
  const next = second ? `goto ${second.name}` : 'return'
  const first = ordered(admin, matchesOf, { accept: 'return', pass: next, deny: drop })
  const chains =
    first.length > 0
      ? [chainOf(second ? [...first, next] : first, scope), ...(second ? [second] : [])]
      : second
        ? [second]
        : []
  const [chain] = chains
  return chain && { chain, chains, unions: [...unions.values()], portNames: [...portNames.values()] }
}

/** What of a packet a rule names; '' is every packet. */
type Matches = (rule: PolicyRule) => readonly string[]

/** What rules of one port allow together: they are one question. */
function sourcesByPort(
  own: readonly RuleOfPolicy[],
  scope: ClassScope,
  portNames: Map<string, PortName>,
): ReadonlyMap<string, Sources> {
  const byPort = new Map<string, RulePeers[]>()
  for (const { rule, namespace } of own)
    for (const port of portMatches(rule.ports, scope, portNames)) {
      const peers = { peers: rule.peers, namespace }
      const known = byPort.get(port)
      if (known) known.push(peers)
      else byPort.set(port, [peers])
    }
  return new Map([...byPort].map(([port, rules]) => [port, sourcesOf(rules)]))
}

/** Without a rule where everything is. */
function allowed(
  byPort: ReadonlyMap<string, Sources>,
  scope: ClassScope,
  unions: Map<string, PodUnion>,
  drop: string,
): readonly string[] {
  const parts = [...byPort].map(([port, sources]) =>
    product(sourceMatches(sources, scope, unions, [port]), [port]),
  )
  const lines = new Set(parts.flat())
  if (lines.has('')) return []
  const ip = scope.family === 4 ? 'ip' : 'ip6'
  // A pod that reaches itself through its Service: a NetworkPolicy never denies that. Last, as it is rare.
  const self = `${ip} saddr . ${ip} daddr @self-${scope.family} return`
  return [...[...lines].sort().map((line) => `${line} return`), self, drop]
}

function product(from: readonly string[], through: readonly string[]): readonly string[] {
  return from.flatMap((peer) => through.map((port) => [peer, port].filter((text) => text !== '').join(' ')))
}

/** The first that matches decides. */
function ordered(
  rules: readonly ActionRule[],
  matchesOf: Matches,
  verdicts: Readonly<Record<Action, string>>,
): readonly string[] {
  const lines: string[] = []
  for (const rule of rules)
    for (const match of matchesOf(rule)) {
      lines.push(match === '' ? verdicts[rule.action] : `${match} ${verdicts[rule.action]}`)
      if (match === '') return lines
    }
  return lines
}

function chainOf(rules: readonly string[], { direction, family }: ClassScope): PolicyChain {
  return { name: `${direction}-${family}-${idOf(rules)}`, rules }
}

/** One match for each protocol, or two, and one for each name of egress; '' is any protocol. */
function portMatches(
  ports: readonly PolicyPort[] | undefined,
  scope: ClassScope,
  portNames: Map<string, PortName>,
): string[] {
  if (ports === undefined) return ['']
  const numbers: Record<Protocol, Range<number>[]> = { tcp: [], udp: [], sctp: [] }
  const matches: string[] = []
  for (const port of ports) {
    if (port.kind === 'numbers') numbers[port.protocol].push(port)
    else if (scope.direction === 'ingress')
      for (const number of scope.numbersOf(port.protocol, port.name))
        numbers[port.protocol].push({ first: number, last: number })
    else {
      const name = portName(port)
      portNames.set(name.id, name)
      matches.push(nameMatch(name, scope.family))
    }
  }
  for (const protocol of Object.keys(numbers) as Protocol[]) {
    const ranges = union(numbers[protocol], (port) => port + 1)
    if (ranges.length > 0) matches.push(...numberMatches(protocol, ranges))
  }
  return matches
}

/** What a name means depends on the pod that traffic goes to. */
function nameMatch(name: PortName, family: Family): string {
  return `${family === 4 ? 'ip' : 'ip6'} daddr . meta l4proto . th dport @${portSet(name, family)}`
}

function numberMatches(protocol: Protocol, ranges: readonly Range<number>[]): readonly string[] {
  const [{ first, last }] = ranges as [Range<number>]
  if (first === ALL_PORTS.first && last === ALL_PORTS.last)
    return [`meta l4proto ${PROTOCOL_NUMBERS[protocol]}`]
  const texts = ranges.map((range) =>
    range.first === range.last ? String(range.first) : `${range.first}-${range.last}`,
  )
  return alternatives(texts, FEW_PORTS).map((text) => `${protocol} dport ${text}`)
}
