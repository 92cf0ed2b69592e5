/** What of the cluster no learned route may take: the node's own networks, its pods, Services, and what other Nodes have. */
import type { Cidr } from '@podroute/address/cidr.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { namedPrefixes } from '../bgp/external-policy.ts'
import type { InterfaceState } from '../bridge/host-interfaces.ts'
import type { ClusterNodes } from '../nodes/cluster-nodes.ts'
import type { PodNetworkSettings } from '../settings.ts'
import { ClusterRanges, clusterRanges } from './cluster-ranges.ts'
import type { Protected, RouteGuard } from './route-guard.ts'

export interface GuardSources {
  /** Undefined while this node's own Node is not known. */
  readonly local: ClusterNode | undefined
  readonly nodes: Pick<ClusterNodes, 'values' | 'withAddress'>
  readonly settings: Pick<PodNetworkSettings, 'serviceCidrs' | 'clusterCidrs' | 'externalPeers'>
  readonly interfaces: Pick<InterfaceState, 'connected' | 'addresses'>
  /** Addresses of the API server. */
  readonly apiServers: readonly string[]
  /** Ranges of Services that the API names, beside those of the configuration. */
  readonly serviceRanges: readonly Cidr[]
  isVip(address: string): boolean
}

export function makeGuard({
  local,
  nodes,
  settings,
  interfaces,
  apiServers,
  serviceRanges,
  isVip,
}: GuardSources): RouteGuard {
  const { clusterCidrs, externalPeers } = settings
  const serviceCidrs = [...settings.serviceCidrs, ...serviceRanges]
  const connected: Protected[] = interfaces.connected.map((prefix) => ({ prefix, reason: 'connected' }))
  const pods: Protected[] = (local?.podCidrs ?? []).map((prefix) => ({ prefix, reason: 'local-pods' }))
  const services: Protected[] = serviceCidrs.map((prefix) => ({ prefix, reason: 'service-cidr' }))
  const routers = new Set(externalPeers.map(({ address }) => address))
  const ranges = new ClusterRanges(
    clusterRanges(nodes.values(), { clusterCidrs, serviceCidrs, apiServers }),
    externalPeers.flatMap(({ acceptRoutes }) => namedPrefixes(acceptRoutes)),
  )
  return {
    protected: [...connected, ...pods, ...services],
    ownAddresses: new Set([...interfaces.addresses, ...(local?.addresses ?? []).map((a) => a.text)]),
    isNodeAddress: (address) => nodes.withAddress(address) !== undefined,
    isVip,
    isExternal: (peer) => routers.has(peer),
    clusterConflict: (prefix) => ranges.conflict(prefix),
  }
}
