/** What sessions to nodes and to routers have in common. */
import type { Family } from '@podroute/address/address.ts'
import { type ClusterNode, primaryAddress } from '@podroute/cluster/objects/node.ts'
import type { Family as BgpFamily, PeerConfig } from 'bgp-speaker-ts/config.ts'
import type { PodNetworkSettings } from '../settings.ts'

/** The kernel forwards whether an agent runs or not, so that what peers know of this node stays true. */
export function gracefulRestart({
  restartTime,
  longLivedTime = 0,
}: PodNetworkSettings): Pick<PeerConfig, 'gracefulRestart' | 'longLivedRestart'> {
  if (restartTime === undefined) return {}
  return {
    gracefulRestart: { time: restartTime, forwarding: true },
    ...(longLivedTime > 0 ? { longLivedRestart: { time: longLivedTime } } : {}),
  }
}

/** This node's own address of each family: the only next hop that it ever names. */
export function nextHops(local: ClusterNode): NonNullable<PeerConfig['nextHop']> {
  const ipv4 = primaryAddress(local, 4)
  const ipv6 = primaryAddress(local, 6)
  return { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) }
}

export function bgpFamily(family: Family): BgpFamily {
  return family === 4 ? 'ipv4-unicast' : 'ipv6-unicast'
}
