/** Which traffic of pods leaves with the node's address: what goes out of the cluster, never pod to pod or pod to node. */

import { width } from '@podroute/address/address.ts'
import type { Cidr } from '@podroute/address/cidr.ts'
import type { PodNetworkSettings } from '../settings.ts'
import type { ClusterNode } from './node.ts'

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

/**
 * The constant part, idempotent: table, sets, one chain. The table is shared with the service proxy, so nothing here
 * touches another chain or set. Multicast is left alone: it is not routed through a translation.
 */
export function masqueradeBase(enabled: boolean): string {
  const lines = ['add table inet podroute']
  for (const set of MASQUERADE_SETS) {
    lines.push(`add set inet podroute ${set}-4 { type ipv4_addr; flags interval; }`)
    lines.push(`add set inet podroute ${set}-6 { type ipv6_addr; flags interval; }`)
  }
  lines.push(
    `add chain inet podroute ${MASQUERADE_CHAIN} { type nat hook postrouting priority srcnat; policy accept; }`,
    `flush chain inet podroute ${MASQUERADE_CHAIN}`,
  )
  if (enabled) lines.push(rule('ip', 4, '224.0.0.0/4'), rule('ip6', 6, 'ff00::/8'))
  return `${lines.join('\n')}\n`
}

function rule(protocol: 'ip' | 'ip6', family: 4 | 6, multicast: string): string {
  const outside = [`@pods-${family}`, `@nodes-${family}`, `@no-masquerade-${family}`, multicast]
  const matches = outside.map((set) => `${protocol} daddr != ${set}`).join(' ')
  return `add rule inet podroute ${MASQUERADE_CHAIN} ${protocol} saddr @pods-local-${family} ${matches} masquerade`
}
