/**
 * BGP is spoken by whom it belongs to: what a pod sends to the BGP port of a node or a router is dropped, also what a Service or a host port
 * has led there. It would arrive with the node's address, as the node. Pods' own port 179 is nothing special.
 */
import { FAMILIES, type Family, familyOf } from '@podroute/address/address.ts'
import { firstHost } from '@podroute/address/cidr.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import type { NftChain } from '@podroute/kernel/nft/definition.ts'
import type { SetElement } from '@podroute/kernel/nft/element.ts'
import type { PodNetworkSettings } from '../settings.ts'

export const BGP_PORT = 179
/** Behind IPVS, which takes what it sends to an endpoint on this node through the rest of the hook (NF_IP_PRI_NAT_SRC - 2). */
const AFTER_IPVS = 110

/** Addresses of one family with a port. */
interface Speakers {
  readonly family: Family
  /** In nft syntax. */
  readonly addresses: string
  readonly port: number
}

/** A node answers at all its addresses, also at those that no other is reached at, and at the gateway of its pods. */
export function speakerElements(
  node: Pick<ClusterNode, 'podCidrs' | 'addressesByType'>,
  refused: readonly { readonly address: string }[],
): SetElement[] {
  const { InternalIP, ExternalIP } = node.addressesByType
  const addresses = new Set([...InternalIP, ...ExternalIP].map(({ text }) => text))
  for (const { address } of refused) addresses.delete(address)
  for (const prefix of node.podCidrs) addresses.add(firstHost(prefix))
  return Array.from(addresses, (element) => ({ set: `speakers-${familyOf(element)}`, element }))
}

/** By the name of their chains. */
export function bgpPortChains(
  settings: Pick<PodNetworkSettings, 'bridge' | 'port' | 'externalPeers' | 'podsSpeakBgp'>,
): Readonly<Record<string, NftChain>> {
  if (settings.podsSpeakBgp) return {}
  const nodes = FAMILIES.map((family) => ({ family, addresses: `@speakers-${family}`, port: settings.port }))
  const all = [...nodes, ...routersOf(settings)]
  const hook = (name: string, priority: string | number) =>
    `type filter hook ${name} priority ${priority}; policy accept;`
  const fromPods = `iifname "${settings.bridge}"`
  // All other packets meet one rule.
  const toBgp = (chain: string) => [
    `tcp dport { ${[...new Set(all.map(({ port }) => port))].join(', ')} } goto ${chain}`,
  ]
  return {
    'bgp-forwarded': { hook: hook('forward', 'filter'), rules: toBgp('bgp-forwarded-ports') },
    'bgp-forwarded-ports': {
      rules: all.flatMap((to) => [`${matchOf(to)} ${fromPods} drop`, `${matchOf(to)} ct status dnat drop`]),
    },
    'bgp-delivered': { hook: hook('input', AFTER_IPVS), rules: toBgp('bgp-delivered-ports') },
    'bgp-delivered-ports': { rules: nodes.map((to) => `${matchOf(to)} ${fromPods} drop`) },
    'bgp-sent': { hook: hook('output', AFTER_IPVS), rules: toBgp('bgp-sent-ports') },
    // IPVS sends as the node itself does, but without a socket; what has one is a process of the node.
    'bgp-sent-ports': {
      rules: all.flatMap((to) => [
        `${matchOf(to)} ct state new meta skuid 0-4294967295 accept`,
        `${matchOf(to)} ct state new drop`,
      ]),
    },
  }
}

function routersOf({ externalPeers }: Pick<PodNetworkSettings, 'externalPeers'>): Speakers[] {
  return externalPeers.flatMap(({ address, port = BGP_PORT }) =>
    // A link-local address is reached by no pod: packets to it are not forwarded.
    address === undefined || address.includes('%')
      ? []
      : [{ family: familyOf(address), addresses: address, port }],
  )
}

function matchOf({ family, addresses, port }: Speakers): string {
  return `tcp dport ${port} ${family === 4 ? 'ip' : 'ip6'} daddr ${addresses}`
}
