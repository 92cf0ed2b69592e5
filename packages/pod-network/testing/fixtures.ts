/** Nodes and settings that the tests of this package share. */
import type { ClusterNode, NodeObject } from '@podroute/cluster/objects/node.ts'
import { parseNode } from '@podroute/cluster/objects/parse-node.ts'
import type { Path } from 'bgp-speaker-ts/snapshot.ts'
import { planMeshPeer } from '../bgp/mesh-peers.ts'
import { DRAIN_TAINTS } from '../nodes/node-drain.ts'
import { NO_SERVICE_ADDRESSES } from '../service-addresses/settings.ts'
import type { PodNetworkSettings } from '../settings.ts'

/** node-1, node-2 … with addresses 172.30.0.1n / fd30::1n and pod prefixes 10.244.n.0/24 / fd10:244:0:n::/64. */
export function testNode(n: number, overrides: Partial<NodeObject> = {}): ClusterNode {
  return parseNode({
    name: `node-${n}`,
    ready: true,
    podCIDRs: [`10.244.${n}.0/24`, `fd10:244:0:${n}::/64`],
    internalIPs: [`172.30.0.1${n}`, `fd30::1${n}`],
    ...overrides,
  })
}

export const testSettings: PodNetworkSettings = {
  routing: 'bgp',
  asn: 64512,
  port: 179,
  announce: {},
  nodeAddressTypes: ['InternalIP', 'ExternalIP'],
  mesh: true,
  maxPaths: 8,
  meshTtlSecurity: true,
  holdTime: 90,
  externalPeers: [],
  cni: true,
  bridge: 'kube-bridge',
  hairpin: true,
  masquerade: true,
  acceptForwarding: true,
  nodeCondition: true,
  sourceCheck: true,
  podsSpeakBgp: false,
  noMasquerade: [],
  serviceCidrs: [],
  clusterCidrs: [],
  nodeCidrs: [],
  serviceAddresses: NO_SERVICE_ADDRESSES,
  conflist: '/etc/cni/net.d/10-podroute.conflist',
  restartTime: 90,
  drain: { taints: DRAIN_TAINTS.map((key) => ({ key })), labels: [] },
  keepRoutes: 120,
  bmpCollectors: [],
  peerDeadline: 30,
}

/** A path learned over iBGP from 172.30.0.12. */
export function testPath(prefix: string, overrides: Partial<Path> = {}): Path {
  return {
    prefix,
    peer: '172.30.0.12',
    source: 'ibgp',
    nextHop: '172.30.0.12',
    origin: 'igp',
    asPath: [],
    localPref: 100,
    med: undefined,
    communities: [],
    largeCommunities: [],
    extendedCommunities: [],
    originatorId: undefined,
    clusterList: [],
    ...overrides,
  }
}

/** A session of the full mesh, in which each tells of itself. */
export const MESH_SESSION = { asn: testSettings.asn, client: false, believed: false, reflects: false }

/** The session to a Node that shares its address with nobody. */
export function meshPeer(local: ClusterNode, other: ClusterNode, settings: PodNetworkSettings) {
  return planMeshPeer(local, other, settings, { claimantsOfAddress: () => [other] }, MESH_SESSION)
}
