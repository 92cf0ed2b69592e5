/** Which traffic of pods leaves with the node's address: what goes out of the cluster, never pod to pod or pod to node. */

import { FAMILIES } from '@podroute/address/address.ts'
import type { Cidr } from '@podroute/address/cidr.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import type { ElementType, NftChain, NftTable } from '@podroute/kernel/nft/definition.ts'
import type { SetElement } from '@podroute/kernel/nft/element.ts'
import type { PodNetworkSettings } from '../settings.ts'
import { speakerElements } from './bgp-ports.ts'

type MasqueradeSet = 'pods-local' | 'pods' | 'nodes' | 'no-masquerade'

export const TABLE_NAME = 'podroute-pod-network'
/** Its chain and sets in the table that features of earlier versions shared. */
export const FORMER_RULES = /^(pod-egress|(pods|pods-local|nodes|no-masquerade)-[46])$/

/** Their elements come from Nodes and from the configuration. */
export const MASQUERADE_SETS: Readonly<Record<string, ElementType>> = Object.fromEntries(
  FAMILIES.flatMap((family) => {
    const key = [family === 4 ? 'ipv4_addr' : 'ipv6_addr'] as const
    return [
      [`pods-local-${family}`, { key, interval: true }],
      [`pods-${family}`, { key, interval: true }],
      [`nodes-${family}`, { key }],
      [`no-masquerade-${family}`, { key, interval: true }],
      [`speakers-${family}`, { key }],
    ]
  }),
)

/**
 * Elements that one node contributes.
 * @param isLocal whether this agent runs on it
 * @param refused addresses that are not taken for a node's
 */
export function planNodeElements(
  node: ClusterNode,
  isLocal: boolean,
  refused: readonly { readonly address: string }[] = [],
): readonly SetElement[] {
  const elements: SetElement[] = []
  for (const prefix of node.podCidrs) {
    elements.push(element('pods', prefix))
    if (isLocal) elements.push(element('pods-local', prefix))
  }
  for (const { family, text } of node.addresses)
    if (!refused.some(({ address }) => address === text))
      elements.push({ set: `nodes-${family}`, element: text })
  return [...elements, ...speakerElements(node, refused)]
}

export function planConfiguredElements(settings: PodNetworkSettings): readonly SetElement[] {
  return settings.noMasquerade.map((prefix) => element('no-masquerade', prefix))
}

function element(set: MasqueradeSet, prefix: Cidr): SetElement {
  return { set: `${set}-${prefix.family}`, element: prefix.text }
}

/** The nftables table of the pod network. With masquerade off its chain has no rule; the sets are kept all the same. */
export function masqueradeTable(enabled: boolean, others: Readonly<Record<string, NftChain>> = {}): NftTable {
  const rules = enabled ? [rule('ip', 4, '224.0.0.0/4'), rule('ip6', 6, 'ff00::/8')] : []
  const hook = 'type nat hook postrouting priority srcnat; policy accept;'
  return { name: TABLE_NAME, sets: MASQUERADE_SETS, chains: { 'pod-egress': { hook, rules }, ...others } }
}

/** Multicast is left alone: it is not routed through a translation. */
function rule(protocol: 'ip' | 'ip6', family: 4 | 6, multicast: string): string {
  const outside = [`@pods-${family}`, `@nodes-${family}`, `@no-masquerade-${family}`, multicast]
  const matches = outside.map((set) => `${protocol} daddr != ${set}`).join(' ')
  return `${protocol} saddr @pods-local-${family} ${matches} masquerade`
}
