/** The bridge that the node's pods hang on, and its addresses: the first one of each pod prefix. */
import { parseAddress } from '@podroute/address/address.ts'
import { firstHost } from '@podroute/address/cidr.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import type { InterfaceAddress } from '@podroute/kernel/addresses/bridge-address-resource.ts'
import type { BridgeSettings } from '@podroute/kernel/links/bridge-resource.ts'

/** Undefined while the node has no pod prefix. */
export function planBridge(local: ClusterNode, mtu: number): BridgeSettings | undefined {
  const first = local.podCidrs[0]
  return first && { mtu, mac: bridgeMac(firstHost(first)) }
}

/** By `10.244.1.1/24`. The kernel adds the connected route of the pod prefix by itself. */
export function planBridgeAddresses(local: ClusterNode): ReadonlyMap<string, InterfaceAddress> {
  return new Map(
    local.podCidrs.map((prefix) => {
      const address = firstHost(prefix)
      return [`${address}/${prefix.length}`, { address, prefixLength: prefix.length }]
    }),
  )
}

/** How the MACs begin that the CNI plugins and `bridgeMac` set; the kernel draws all of a port's MAC. */
export function isExplicitMac(mac: string): boolean {
  return mac.startsWith('0a:58:')
}

/**
 * A locally administered MAC made of the last four bytes of the bridge's address: the same after every restart, and the same that
 * the CNI plugin sets when pods start before the agent.
 */
function bridgeMac(address: string): string {
  const tail = parseAddress(address).slice(-4)
  return ['0a', '58', ...Array.from(tail, (byte) => byte.toString(16).padStart(2, '0'))].join(':')
}
