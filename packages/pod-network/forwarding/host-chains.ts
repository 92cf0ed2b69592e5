/** Which chains of the host drop what pods send and get, unless one of their rules accepts it. Pure. */
import {
  type ChainName,
  chainText,
  type ForeignRule,
  foreignRuleKey,
} from '@podroute/kernel/nft/foreign-rule-resource.ts'
import type { LegacyForward } from '@podroute/linux/legacy-iptables.ts'
import type { BaseChain } from '@podroute/linux/nft/chains.ts'

/** The chains of iptables, which every program adds its rules to: ours are among them. */
export const IPTABLES_CHAINS: readonly ChainName[] = [
  { family: 'ip', table: 'filter', name: 'FORWARD' },
  { family: 'ip6', table: 'filter', name: 'FORWARD' },
]

const SIDES = ['iifname', 'oifname'] as const

/** The policy of such a chain is what `iptables -P FORWARD DROP` sets; Docker and ufw do. */
export function droppingChains(chains: readonly BaseChain[]): readonly BaseChain[] {
  return chains.filter(
    ({ type, hook, policy }) => type === 'filter' && hook === 'forward' && policy === 'drop',
  )
}

export function isOfIptables(chain: ChainName): boolean {
  return IPTABLES_CHAINS.some((known) => chainText(known) === chainText(chain))
}

/** What lets pods through a chain, by key. */
export function acceptingRules(chain: ChainName, bridge: string): ReadonlyMap<string, ForeignRule> {
  const { family, table, name } = chain
  const rules = SIDES.map(
    (side): ForeignRule => ({ chain: { family, table, name }, side, interface: bridge }),
  )
  return new Map(rules.map((rule) => [foreignRuleKey(rule), rule]))
}

/** What to do about a chain that somebody keeps by other means: no rule of ours would stay in it, or be expected there. */
export function nftProblem(chain: ChainName, bridge: string): string {
  const { family, table, name } = chain
  const commands = SIDES.map(
    (side) =>
      `nft 'add rule ${chainText(chain)} ${side} "${bridge}" accept comment "podroute ${side} ${bridge}"'`,
  )
  return `chain ${name} of table ${family} ${table} drops what none of its rules accepts, also from and to pods: ${commands.join(' and ')} let them pass`
}

/** Undefined where the older iptables lets pods pass. */
export function legacyProblem(chain: LegacyForward, bridge: string): string | undefined {
  const { family, policy, acceptsFrom, acceptsTo } = chain
  if (policy === 'accept' || (acceptsFrom.includes(bridge) && acceptsTo.includes(bridge))) return undefined
  const program = family === 4 ? 'iptables-legacy' : 'ip6tables-legacy'
  const commands = ['-i', '-o'].map((side) => `"${program} -A FORWARD ${side} ${bridge} -j ACCEPT"`)
  return `the policy of ${program} for FORWARD is DROP, also for pods: ${commands.join(' and ')} let them pass`
}
