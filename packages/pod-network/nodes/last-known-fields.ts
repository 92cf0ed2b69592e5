/** What the pod network takes a Node for while fields of it are missing. */
import { containsAddress } from '@podroute/address/cidr.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'

/**
 * The Node, with the prefixes or addresses that it has none of taken from what it was before. Where the two do not go together (a prefix
 * that holds an address of the Node), both stay as they were.
 */
export function withFieldsOf(node: ClusterNode, before: ClusterNode): ClusterNode {
  const { podCidrs } = node.podCidrs.length > 0 ? node : before
  const { addresses, addressesByType } = node.addresses.length > 0 ? node : before
  const clash = podCidrs.some((prefix) => addresses.some(({ text }) => containsAddress(prefix, text)))
  if (!clash) return { ...node, podCidrs, addresses, addressesByType }
  return {
    ...node,
    podCidrs: before.podCidrs,
    addresses: before.addresses,
    addressesByType: before.addressesByType,
  }
}
