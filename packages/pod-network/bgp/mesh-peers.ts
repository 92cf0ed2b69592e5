/** Nodes to BGP peers: who, by which address, with which families and policies. */
import { FAMILIES } from '@podroute/address/address.ts'
import { type ClusterNode, primaryAddress } from '@podroute/cluster/objects/node.ts'
import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import type { PodNetworkSettings } from '../settings.ts'
import { EXPORT_OWN, meshImport, reflectingExport } from './policy.ts'
import type { NodeSession } from './roles/mesh-roles.ts'
import { bgpFamily, gracefulRestart, nextHops } from './session-options.ts'

/**
 * Most seconds between attempts to connect to a node that is silent, as GoBGP has it. Who comes back is met sooner: it connects itself, and
 * the API server says that its Node is ready.
 */
const MESH_RETRY = 120

/** What is used of the Nodes. */
export interface Claimants {
  /** All Nodes that have an address, the best one first. */
  claimantsOfAddress(address: string): readonly ClusterNode[]
}

/**
 * The session to another node; undefined while the two share no address family, or the mesh is off. A machine that was renamed has two
 * Nodes for a while: whoever answers at their address is believed what each of them would be.
 */
export function planMeshPeer(
  local: ClusterNode,
  other: ClusterNode,
  settings: PodNetworkSettings,
  nodes: Claimants,
  session: Omit<NodeSession, 'session'>,
): PeerConfig | undefined {
  if (!settings.mesh || other.name === local.name) return undefined
  // Two Nodes of one address: whoever answers there is this node itself. One that lists an address of the other one beside its own is no such.
  if (FAMILIES.some((f) => isSame(primaryAddress(local, f), primaryAddress(other, f)))) return undefined
  const transport = FAMILIES.find((f) => primaryAddress(local, f) && primaryAddress(other, f))
  if (transport === undefined) return undefined
  const address = primaryAddress(other, transport)!
  const claimants = nodes.claimantsOfAddress(address)
  // Of all that have the address, so that a Node that lists the address of another takes no family from the session.
  const families = FAMILIES.filter(
    (f) => primaryAddress(local, f) && claimants.some((node) => primaryAddress(node, f)),
  )
  return {
    address,
    port: settings.port,
    asn: session.asn,
    localAddress: primaryAddress(local, transport)!,
    holdTime: settings.holdTime,
    connectRetryTime: MESH_RETRY,
    ...gracefulRestart(settings),
    families: families.map(bgpFamily),
    ...(settings.meshPassword === undefined ? {} : { password: settings.meshPassword }),
    // Every version answers connections with TTL 255: one that cannot connect with it yet is met by our own connection.
    ...(settings.meshTtlSecurity ? { ttlSecurityHops: 1 } : {}),
    ...(settings.meshBfd === undefined ? {} : { bfd: settings.meshBfd }),
    ...(session.client ? { routeReflectorClient: true } : {}),
    // Who tells about others is believed what holds of any Node (`PodOrigins`).
    ...(session.believed ? { validated: true } : { importPolicy: meshImport(claimants) }),
    exportPolicy: session.reflects ? reflectingExport(routersOf(settings)) : EXPORT_OWN,
    nextHop: nextHops(local),
  }
}

function isSame(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && one === other
}

const LINK_LOCAL = 'fe80::/10'

function routersOf({ externalPeers }: Pick<PodNetworkSettings, 'externalPeers'>): string[] {
  // Of unnumbered routers, and of others at link-local addresses, only that is known.
  return externalPeers.map(({ address = LINK_LOCAL }) => (address.includes('%') ? LINK_LOCAL : address))
}
