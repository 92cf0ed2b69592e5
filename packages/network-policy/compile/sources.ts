/** Who the peers of rules are, as matches of an address: pods by sets, and blocks. Pure. */
import type { Family } from '@podroute/address/address.ts'
import type { Direction, Peer } from '@podroute/cluster/objects/network-policy.ts'
import { type Block, blockTexts } from './ranges.ts'
import { groupSet, isWide, type PodGroup, type PodUnion, podGroup, unionOf } from './references.ts'

export interface Sources {
  readonly everybody: boolean
  readonly groups: readonly PodGroup[]
  readonly blocks: readonly Block[]
}

/** Of a rule of a policy. */
export interface RulePeers {
  /** Undefined: everybody. */
  readonly peers: readonly Peer[] | undefined
  /** The policy's. */
  readonly namespace: string
}

/**
 * Groups of pods that are asked one after the other, each a look-up; more are one set of their own, so that a new connection costs the same
 * however many policies there are. Its price is an element of each pod for each such set.
 */
const MOST_APART = 8

/** Two blocks with an exception each: four comparisons cost a new connection no more than the look-up in a set of ranges. */
const FEW_BLOCKS = 4
/** Where each of those rules would have a set of ports. */
const FEW_BLOCKS_WITH_SET = 2

/** What any of some rules allows. */
export function sourcesOf(rules: readonly RulePeers[]): Sources {
  const groups: PodGroup[] = []
  const blocks: Block[] = []
  for (const { peers = [], namespace } of rules)
    for (const peer of peers)
      if (peer.kind === 'block') blocks.push(peer)
      else groups.push(podGroup(peer, namespace))
  return { everybody: rules.some(({ peers }) => peers === undefined), groups, blocks }
}

/** One match for each set of pods, and one for all blocks together, or one for each of a few; '' is everybody. @param unions gets those of the matches @param ports what a rule asks besides */
export function sourceMatches(
  { everybody, groups, blocks }: Sources,
  { direction, family }: { readonly direction: Direction; readonly family: Family },
  unions: Map<string, PodUnion>,
  ports: readonly string[],
): readonly string[] {
  if (everybody) return ['']
  const address = `${family === 4 ? 'ip' : 'ip6'} ${direction === 'ingress' ? 'saddr' : 'daddr'}`
  const wanted = united(groups)
  for (const one of wanted) unions.set(one.id, one)
  const texts = blockTexts(blocks, family)
  if (texts === 'all') return ['']
  const few = ports.some((port) => port.includes('{')) ? FEW_BLOCKS_WITH_SET : FEW_BLOCKS
  return [
    ...wanted.map((one) => `${address} @${groupSet(one, family)}`),
    ...alternatives(texts, few).map((text) => `${address} ${text}`),
  ]
}

/**
 * Groups of the policy's own namespace, which has few pods, are one set wherever a rule names several: the kernel finds a set by its name
 * among all others, one after the other, whenever one is made, filled or named by a rule (15 ns each, measured).
 */
function united(groups: readonly PodGroup[]): readonly PodUnion[] {
  const distinct = [...new Map(groups.map((group) => [group.id, group])).values()]
  const wide = distinct.filter(isWide).map((group) => unionOf([group]))
  const narrow = distinct.filter((group) => !isWide(group))
  if (narrow.length > MOST_APART) return [...wide, unionOf(narrow)]
  const own = narrow.filter(({ namespace }) => namespace !== undefined)
  const others = narrow.filter(({ namespace }) => namespace === undefined)
  return [...wide, ...(own.length > 0 ? [unionOf(own)] : []), ...others.map((group) => unionOf([group]))]
}

/**
 * Few are rules: for a set of a rule's own the kernel walks through all sets of the table several times (0.8 ms a rule while 6,000 are
 * made, measured), and nft does when it lists them.
 */
export function alternatives(texts: readonly string[], few: number): readonly string[] {
  return texts.length <= few ? texts : [`{ ${texts.join(', ')} }`]
}
