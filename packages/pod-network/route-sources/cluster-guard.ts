/** What of the cluster no learned route may take: the node's own networks, its pods, Services, and what other Nodes have. */
import { type Cidr, hostCidr } from '@podroute/address/cidr.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { namedPrefixes } from '../bgp/external-policy.ts'
import { peerKey } from '../bgp/peer-key.ts'
import type { InterfaceState } from '../bridge/host-interfaces.ts'
import type { ClusterNodes } from '../nodes/cluster-nodes.ts'
import type { PodNetworkSettings } from '../settings.ts'
import type { ClusterRanges } from './cluster-ranges.ts'
import type { Protected, RouteGuard } from './route-guard.ts'

export interface GuardSources {
  /** Undefined while this node's own Node is not known. */
  readonly local: ClusterNode | undefined
  readonly nodes: Pick<ClusterNodes, 'withAddress'>
  readonly settings: Pick<PodNetworkSettings, 'externalPeers'>
  /** Ranges of Services, whoever names them. */
  readonly serviceCidrs: readonly Cidr[]
  readonly interfaces: Pick<InterfaceState, 'connected' | 'addresses'>
  /** What the cluster itself uses, as it is when it is asked. */
  readonly ranges: Pick<ClusterRanges, 'conflict'>
  /** Addresses of the API server. */
  readonly apiServers: readonly string[]
  isVip(address: string): boolean
}

export function makeGuard({
  local,
  nodes,
  settings,
  serviceCidrs,
  interfaces,
  ranges,
  apiServers,
  isVip,
}: GuardSources): RouteGuard {
  const { externalPeers } = settings
  const connected: Protected[] = interfaces.connected.map((prefix) => ({ prefix, reason: 'connected' }))
  const pods: Protected[] = (local?.podCidrs ?? []).map((prefix) => ({ prefix, reason: 'local-pods' }))
  const services: Protected[] = serviceCidrs.map((prefix) => ({ prefix, reason: 'service-cidr' }))
  const routers = new Set(externalPeers.map(peerKey))
  const named = new Set(
    externalPeers
      .flatMap(({ acceptRoutes, accept }) => namedPrefixes(acceptRoutes, accept))
      .map(({ text }) => text),
  )
  return {
    protected: [...connected, ...pods, ...services],
    apiServers: apiServers.flatMap((address) => hostCidr(address) ?? []),
    ownAddresses: new Set([...interfaces.addresses, ...(local?.addresses ?? []).map((a) => a.text)]),
    isNodeAddress: (address) => nodes.withAddress(address) !== undefined,
    isVip,
    isExternal: (peer) => routers.has(peer),
    clusterConflict: (prefix) => ranges.conflict(prefix, named),
  }
}
