/** Nodes and configured routers to BGP peers: who, by which address, with which families and policies. */

import { FAMILIES, type Family, familyOf } from '@podroute/address/address.ts'
import { type ClusterNode, primaryAddress } from '@podroute/cluster/objects/node.ts'
import type { Family as BgpFamily, PeerConfig } from 'bgp-speaker-ts/config.ts'
import { canonicalAddress, peerName } from 'bgp-speaker-ts/peer-name.ts'
import type { ExternalPeer, PodNetworkSettings } from '../settings.ts'
import { externalImport } from './external-policy.ts'
import { EXPORT_OWN, meshImport } from './policy.ts'

/** The speaker's own name of a peer: its address in canonical form. */
export const peerKey = (peer: Pick<PeerConfig, 'address' | 'interface'>) => canonicalAddress(peerName(peer))

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
): PeerConfig | undefined {
  if (!settings.mesh || other.name === local.name) return undefined
  // Two Nodes of one address: whoever answers there is this node itself.
  if (other.addresses.some(({ text }) => local.addresses.some((own) => own.text === text))) return undefined
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
    asn: settings.asn,
    localAddress: primaryAddress(local, transport)!,
    holdTime: settings.holdTime,
    connectRetryTime: MESH_RETRY,
    ...gracefulRestart(settings),
    families: families.map(bgpFamily),
    ...(settings.meshPassword === undefined ? {} : { password: settings.meshPassword }),
    // Every version answers connections with TTL 255: one that cannot connect with it yet is met by our own connection.
    ...(settings.meshTtlSecurity ? { ttlSecurityHops: 1 } : {}),
    importPolicy: meshImport(claimants),
    exportPolicy: EXPORT_OWN,
    nextHop: nextHops(local),
  }
}

/** The session to a router outside; undefined when this node has no address of the router's family. */
export function planExternalPeer(
  local: ClusterNode,
  peer: ExternalPeer,
  settings: PodNetworkSettings,
): PeerConfig | undefined {
  const localAddress = primaryAddress(local, familyOf(peer.address))
  if (localAddress === undefined) return undefined
  const families = (peer.families ?? FAMILIES).filter((f) => primaryAddress(local, f))
  if (families.length === 0) return undefined
  return {
    address: peer.address,
    ...(peer.port === undefined ? {} : { port: peer.port }),
    asn: peer.asn,
    localAddress,
    holdTime: peer.holdTime ?? settings.holdTime,
    ...gracefulRestart(settings),
    families: families.map(bgpFamily),
    ...(peer.password === undefined ? {} : { password: peer.password }),
    ...(peer.ttlSecurityHops === undefined ? {} : { ttlSecurityHops: peer.ttlSecurityHops }),
    importPolicy: externalImport(peer.acceptRoutes),
    maxPrefixes: peer.maxPrefixes,
    exportPolicy: EXPORT_OWN,
    nextHop: nextHops(local),
  }
}

/** The kernel forwards whether an agent runs or not, so that what peers know of this node stays true. */
function gracefulRestart({ restartTime }: PodNetworkSettings): Pick<PeerConfig, 'gracefulRestart'> {
  return restartTime === undefined ? {} : { gracefulRestart: { time: restartTime, forwarding: true } }
}

/** This node's own address of each family: the only next hop that it ever names. */
function nextHops(local: ClusterNode): NonNullable<PeerConfig['nextHop']> {
  const ipv4 = primaryAddress(local, 4)
  const ipv6 = primaryAddress(local, 6)
  return { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) }
}

function bgpFamily(family: Family): BgpFamily {
  return family === 4 ? 'ipv4-unicast' : 'ipv6-unicast'
}
