/** The bridge that the node's pods hang on, and its addresses: the first one of each pod prefix. */
import { parseAddress } from '@podroute/address/address.ts'
import { firstHost } from '@podroute/address/cidr.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'

export interface BridgePlan {
  readonly mtu: number
  /**
   * The MAC of a new bridge. Set explicitly, because a bridge otherwise takes the lowest one of its ports: with every pod that
   * comes or goes the others would look for their gateway again. A bridge that exists keeps the MAC that its pods know.
   */
  readonly mac: string
}

export interface BridgeAddress {
  readonly address: string
  readonly prefixLength: number
}

/** Undefined while the node has no pod prefix. */
export function planBridge(local: ClusterNode, mtu: number): BridgePlan | undefined {
  const first = local.podCidrs[0]
  return first && { mtu, mac: bridgeMac(firstHost(first)) }
}

/** By `10.244.1.1/24`. The kernel adds the connected route of the pod prefix by itself. */
export function planBridgeAddresses(local: ClusterNode): ReadonlyMap<string, BridgeAddress> {
  return new Map(
    local.podCidrs.map((prefix) => {
      const address = firstHost(prefix)
      return [`${address}/${prefix.length}`, { address, prefixLength: prefix.length }]
    }),
  )
}

/**
 * A locally administered MAC made of the last four bytes of the bridge's address: the same after every restart, and the same that
 * the CNI plugin sets when pods start before the agent.
 */
function bridgeMac(address: string): string {
  const tail = parseAddress(address).slice(-4)
  return ['0a', '58', ...Array.from(tail, (byte) => byte.toString(16).padStart(2, '0'))].join(':')
}
