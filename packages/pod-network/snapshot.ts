/** The pod network's state as plain data: for the admin socket, the command line and metrics. */
import type { Condition } from '@podroute/feature/condition.ts'
import type { TableStats } from '@podroute/reconcile/table.ts'
import type { PeerSnapshot } from 'bgp-speaker-ts/snapshot.ts'
import type { PathState } from './bgp/bfd/monitor.ts'
import { peerKey } from './bgp/peer-key.ts'
import type { ShownSession } from './bgp/roles/mesh-roles.ts'
import type { ClusterNodes } from './nodes/cluster-nodes.ts'
import type { RouteSnapshot } from './route-sources/route-report.ts'
import type { PodNetworkSettings } from './settings.ts'
import type { PodNetworkTables } from './tables.ts'

export interface NodeSnapshot {
  readonly name: string
  readonly podCIDRs: readonly string[]
  readonly addresses: readonly string[]
  readonly ready: boolean
}

export interface NamedPeer extends PeerSnapshot {
  /** Name of the Node, or the address of a router outside. */
  readonly name: string
  readonly kind: 'node' | 'external'
  /** Of a router, as it is configured. */
  readonly description?: string
  /** What a node is to this one; absent: it is none, or does not speak to it. */
  readonly meshRole?: ShownSession
  /** Absent: its path is not watched. */
  readonly bfd?: PathState
}

export interface PodNetworkSnapshot {
  readonly node: NodeSnapshot | undefined
  readonly asn: number
  readonly bridge: string
  readonly bridgeAddresses: readonly string[]
  readonly nodes: readonly NodeSnapshot[]
  readonly peers: readonly NamedPeer[]
  readonly routes: readonly RouteSnapshot[]
  readonly conditions: readonly Condition[]
  readonly tables: Readonly<Record<string, TableStats>>
}

export interface SnapshotInput {
  readonly nodeName: string
  /** Of this node. */
  readonly asn: number
  readonly settings: PodNetworkSettings
  readonly nodes: ClusterNodes
  readonly tables: PodNetworkTables
  readonly routes: readonly RouteSnapshot[]
  readonly peers: readonly NamedPeer[]
  readonly stats: Readonly<Record<string, TableStats>>
  readonly conditions: readonly Condition[]
}

export function snapshot(input: SnapshotInput): PodNetworkSnapshot {
  const nodes = [...input.nodes.values()].map(
    (node): NodeSnapshot => ({
      name: node.name,
      podCIDRs: node.podCidrs.map((c) => c.text),
      addresses: node.addresses.map((a) => a.text),
      ready: node.ready,
    }),
  )
  return {
    node: nodes.find((node) => node.name === input.nodeName),
    asn: input.asn,
    bridge: input.settings.bridge,
    bridgeAddresses: [...input.tables.addresses.desired().keys()],
    nodes,
    peers: input.peers,
    routes: input.routes,
    conditions: input.conditions,
    tables: input.stats,
  }
}

export function namedPeers(
  peers: readonly PeerSnapshot[],
  settings: PodNetworkSettings,
  nodes: ClusterNodes,
  pathOf: (peer: string) => PathState | undefined,
  roleOf: (node: string) => ShownSession,
): NamedPeer[] {
  const external = new Map(settings.externalPeers.map((peer) => [peerKey(peer), peer]))
  return peers.map((peer) => {
    const path = pathOf(peer.remoteAddress ?? peer.address)
    const description = external.get(peer.address)?.description
    const node = external.has(peer.address) ? undefined : nodes.withAddress(peer.address)
    return {
      ...peer,
      name: node?.name ?? peer.address,
      kind: external.has(peer.address) ? 'external' : 'node',
      ...(description === undefined ? {} : { description }),
      ...(node === undefined ? {} : { meshRole: roleOf(node.name) }),
      ...(path === undefined ? {} : { bfd: path }),
    }
  })
}
