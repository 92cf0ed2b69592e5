/**
 * Which addresses that a Node claims are taken for a node's: pods reach these without masquerading. A Node's status is written by the node
 * itself, and without masquerading nobody outside answers a pod: a node that claims a resolver's address would take it from the pods of all
 * others. An address that is refused costs its Node little, as masqueraded traffic reaches it all the same. Pure.
 */
import { type Cidr, contains, containsAddress, hostCidr } from '@podroute/address/cidr.ts'
import { isPrivateUse, specialRange } from '@podroute/address/special.ts'
import { type ClusterNode, type NodeAddress, primaryAddress } from '@podroute/cluster/objects/node.ts'
import type { ReservedHolder } from '@podroute/feature/reserved-addresses.ts'

export interface AddressFacts {
  /** The Node that the agent runs on. */
  readonly local: ClusterNode
  /** Prefixes that nodes take their addresses from, as configured; none: not told. */
  readonly nodeCidrs: readonly Cidr[]
  readonly serviceCidrs: readonly Cidr[]
  holderOf(address: string): ReservedHolder | undefined
}

export interface RefusedAddress {
  readonly address: string
  readonly reason: string
  /** It is as it should be for a Node to have it: nobody is told. */
  readonly expected: boolean
}

const HOLDERS: Readonly<Record<ReservedHolder, string>> = {
  'configured-api-server': 'the address of the API server',
  'api-server': 'the address of the API server',
  'api-server-endpoint': 'the address of the API server',
  'bgp-peer': 'the address of a BGP peer',
  gateway: 'the address of a gateway',
  broadcast: 'the address of a whole network',
  resolver: 'the address of a resolver',
}
const API_SERVER: ReadonlySet<ReservedHolder> = new Set([
  'configured-api-server',
  'api-server',
  'api-server-endpoint',
])

/** Of another Node. What the own one says of itself is its kubelet's word about this machine. */
export function refusedAddresses(node: ClusterNode, facts: AddressFacts): RefusedAddress[] {
  if (node.name === facts.local.name) return []
  return node.addresses.flatMap((address) => {
    const refused = judge(node, address, facts)
    return refused === undefined ? [] : [{ address: address.text, expected: false, ...refused }]
  })
}

type Refusal = Pick<RefusedAddress, 'reason'> & Partial<RefusedAddress>

function judge(node: ClusterNode, { text, family }: NodeAddress, facts: AddressFacts): Refusal | undefined {
  const host = hostCidr(text)!
  const isPrimary = primaryAddress(node, family) === text
  const holder = facts.holderOf(text)
  // A node of the control plane has the API server's address.
  if (holder !== undefined) return { reason: HOLDERS[holder], expected: isPrimary && API_SERVER.has(holder) }
  if (facts.serviceCidrs.some((range) => contains(range, host)))
    return { reason: 'inside the range of Services' }
  if (facts.nodeCidrs.length > 0) {
    const named = facts.nodeCidrs.some((range) => containsAddress(range, text))
    return named ? undefined : { reason: 'not in nodeCIDRs' }
  }
  const special = specialRange(host)
  if (special) return { reason: `${special.purpose} (${special.source})` }
  // Machines with several are many; whoever wants to reach all of them without masquerading names their ranges.
  if (!isPrimary) return { reason: 'a second address of its family: see nodeCIDRs', expected: true }
  const own = primaryAddress(facts.local, family)
  if (own !== undefined && isPrivateUse(hostCidr(own)!) && !isPrivateUse(host))
    return { reason: 'public, where this node’s own is private: see nodeCIDRs' }
  return undefined
}
