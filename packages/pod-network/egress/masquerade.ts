/** Which traffic of pods leaves with the node's address: what goes out of the cluster, never pod to pod or pod to node. */

import { width } from '@podroute/address/address.ts'
import type { Cidr } from '@podroute/address/cidr.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import type { PodNetworkSettings } from '../settings.ts'

/** Sets of the table `inet podroute` that this package owns; `-4` and `-6` follow each name. */
export const MASQUERADE_SETS = ['pods-local', 'pods', 'nodes', 'no-masquerade'] as const
export type MasqueradeSet = (typeof MASQUERADE_SETS)[number]

export interface SetElement {
  /** Name with family: `pods-4`. */
  readonly set: string
  /** Address or prefix in nft syntax. */
  readonly element: string
}

export const elementKey = (e: SetElement) => `${e.set} ${e.element}`

/** Elements that one node contributes; `isLocal` for the node that this agent runs on. */
export function planNodeElements(node: ClusterNode, isLocal: boolean): readonly SetElement[] {
  const elements: SetElement[] = []
  for (const prefix of node.podCidrs) {
    elements.push(element('pods', prefix))
    if (isLocal) elements.push(element('pods-local', prefix))
  }
  for (const address of node.addresses)
    elements.push({ set: `nodes-${address.family}`, element: address.text })
  return elements
}

export function planConfiguredElements(settings: PodNetworkSettings): readonly SetElement[] {
  return settings.noMasquerade.map((prefix) => element('no-masquerade', prefix))
}

function element(set: MasqueradeSet, prefix: Cidr): SetElement {
  // nft prints a prefix of full length as the address alone.
  const single = prefix.length === width(prefix.family)
  return { set: `${set}-${prefix.family}`, element: single ? prefix.network : prefix.text }
}

export const MASQUERADE_CHAIN = 'pod-egress'

const CHAIN = `inet podroute ${MASQUERADE_CHAIN}`

/**
 * The chain as nft lists it: its hook, then a rule a line. With masquerade off it has no rule. Multicast is left alone: it is not routed
 * through a translation.
 */
export function planMasqueradeChain(enabled: boolean): string {
  const rules = enabled ? [rule('ip', 4, '224.0.0.0/4'), rule('ip6', 6, 'ff00::/8')] : []
  return ['type nat hook postrouting priority 100; policy accept;', ...rules].join('\n')
}

/**
 * The constant part, idempotent: table, sets, one chain. The table is shared with the service proxy, so nothing here
 * touches another chain or set.
 */
export function masqueradeBase(enabled: boolean): string {
  return setsScript() + chainScript(planMasqueradeChain(enabled))
}

/** Puts the chain in place of whatever has its name, in one transaction: what hooks it in cannot be changed. */
export function replaceChain(chain: string): string {
  return `${setsScript()}${CHAIN_REMOVAL}${chainScript(chain)}`
}

/** Also where there is none: nft 1.0.6 has no `destroy`. */
export const CHAIN_REMOVAL = `add table inet podroute
add chain ${CHAIN}
flush chain ${CHAIN}
delete chain ${CHAIN}
`

function setsScript(): string {
  const lines = MASQUERADE_SETS.flatMap((set) => [
    `add set inet podroute ${set}-4 { type ipv4_addr; flags interval; }`,
    `add set inet podroute ${set}-6 { type ipv6_addr; flags interval; }`,
  ])
  return `${['add table inet podroute', ...lines].join('\n')}\n`
}

function chainScript(chain: string): string {
  const [hook, ...rules] = chain.split('\n')
  const lines = [`add chain ${CHAIN} { ${hook} }`, `flush chain ${CHAIN}`]
  return `${[...lines, ...rules.map((text) => `add rule ${CHAIN} ${text}`)].join('\n')}\n`
}

function rule(protocol: 'ip' | 'ip6', family: 4 | 6, multicast: string): string {
  const outside = [`@pods-${family}`, `@nodes-${family}`, `@no-masquerade-${family}`, multicast]
  const matches = outside.map((set) => `${protocol} daddr != ${set}`).join(' ')
  return `${protocol} saddr @pods-local-${family} ${matches} masquerade`
}
