/** What agents have left of the pod network on a node. Unlike the feature that is switched off it takes the bridge, too: no pod hangs on it. */
import type { LeftBehind } from '@podroute/feature/feature.ts'
import { ROUTE_PROTOCOL } from '@podroute/kernel/route-protocol.ts'
import { NextHopResource } from '@podroute/kernel/routes/next-hop-resource.ts'
import { Table } from '@podroute/reconcile/table.ts'
import { podNetwork } from '../config/pod-network.ts'
import { createTables, type NodeSettings, type PodNetworkKernel } from '../tables.ts'
import { PortMappingTableResource } from './port-mapping-table.ts'

/** Where the plugin host-local keeps the addresses of pods: by the network's name, which is the conflist's. */
const LEASES = ['/var/lib/cni/networks/podroute', '/var/lib/cni/networks/.podroute/podroute']
/** Other networks may have theirs there. */
const LEASES_FOLDERS = ['/var/lib/cni/networks/.podroute', '/var/lib/cni/networks', '/var/lib/cni']

export async function leftBehind(
  kernel: PodNetworkKernel,
  settings: NodeSettings = podNetwork.parse({}),
): Promise<LeftBehind> {
  const tables = createTables(kernel, () => settings, {})
  const {
    conflist,
    forwarding,
    routes,
    discards,
    rules,
    masquerade,
    sources,
    sourceRules,
    formerRules,
    bridge,
    handover4,
    handover6,
  } = tables
  // The bridge of another CNI plugin is that one's.
  const inUse = settings.cni ? await podsOn(kernel, settings.bridge) : 0
  const { nextHops, nft } = kernel
  return {
    tables: [
      ...[
        conflist,
        handover4,
        handover6,
        routes,
        discards,
        forwarding,
        masquerade,
        rules,
        sources,
        sourceRules,
        formerRules,
      ],
      ...(nextHops ? [new Table(new NextHopResource(nextHops, ROUTE_PROTOCOL))] : []),
      ...(settings.cni ? [bridge, new Table(new PortMappingTableResource(nft))] : []),
    ],
    paths: LEASES,
    folders: LEASES_FOLDERS,
    ...(inUse > 0 ? { inUse: pods(inUse, settings.bridge) } : {}),
  }
}

function pods(count: number, bridge: string): string {
  const what = count === 1 ? '1 pod hangs' : `${count} pods hang`
  return `${what} on ${bridge} and would lose its network: drain the node first (kubectl drain NODE --ignore-daemonsets), or take it away all the same with --with-pods`
}

async function podsOn({ links }: Pick<PodNetworkKernel, 'links'>, name: string): Promise<number> {
  const bridge = await links.get(name)
  if (bridge?.kind !== 'bridge') return 0
  return (await links.list()).filter(({ master }) => master === bridge.index).length
}
