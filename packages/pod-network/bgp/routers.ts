/** Configured routers to BGP peers: by which address, with which families and policies. */
import { FAMILIES, familyOf } from '@podroute/address/address.ts'
import { type ClusterNode, primaryAddress } from '@podroute/cluster/objects/node.ts'
import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import type { Policy } from 'bgp-speaker-ts/policy/policy.ts'
import { NO_NODE_SETTINGS, type NodeOverrides } from '../node-annotations/node-settings.ts'
import { rejecting, withPathAttributes } from '../node-annotations/policies.ts'
import { nodeDrain } from '../nodes/node-drain.ts'
import { onlyTold } from '../service-addresses/told.ts'
import type { ExternalPeer, PodNetworkSettings } from '../settings.ts'
import { externalImport } from './external-policy.ts'
import { peerKey } from './peer-key.ts'
import { EXPORT_ALL_KINDS, lowered } from './policy.ts'
import { bgpFamily, gracefulRestart, nextHops } from './session-options.ts'

/** The session to a router outside; undefined when this node has no address of the router's family. */
export function planExternalPeer(
  local: ClusterNode,
  peer: ExternalPeer,
  settings: PodNetworkSettings,
  overrides: NodeOverrides = NO_NODE_SETTINGS,
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
    ...(peer.bfd === undefined ? {} : { bfd: peer.bfd }),
    importPolicy: rejecting(overrides.importReject, externalImport(peer.acceptRoutes)),
    maxPrefixes: peer.maxPrefixes,
    exportPolicy: withPathAttributes(overrides, exportPolicy(local, peer, settings)),
    nextHop: nextHops(local),
  }
}

function exportPolicy(local: ClusterNode, peer: ExternalPeer, settings: PodNetworkSettings): Policy {
  const policy = toldOf(EXPORT_ALL_KINDS, peer, settings)
  return nodeDrain(local, settings.drain) === undefined ? policy : lowered(policy)
}

/** Some addresses of Services are for other routers only. */
function toldOf(policy: Policy, peer: ExternalPeer, { serviceAddresses }: PodNetworkSettings): Policy {
  if (!serviceAddresses.rules.some(({ peers }) => peers)) return policy
  return { ...policy, rules: [onlyTold(peerKey(peer)), ...policy.rules] }
}
