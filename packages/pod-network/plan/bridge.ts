/** The bridge that the node's pods hang on, and its addresses: the first one of each pod prefix. */
import { firstHost } from './cidr.ts'
import type { ClusterNode } from './node.ts'

export interface BridgePlan {
  readonly name: string
  readonly mtu: number
}

/** Address with prefix length, `10.244.1.1/24`. The kernel adds the connected route of the pod prefix by itself. */
export function planBridgeAddresses(local: ClusterNode): readonly string[] {
  return local.podCidrs.map((prefix) => `${firstHost(prefix)}/${prefix.length}`)
}
