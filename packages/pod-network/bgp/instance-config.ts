/** What makes this node the BGP speaker that it is to its peers. */
import { FAMILIES } from '@podroute/address/address.ts'
import { type ClusterNode, primaryAddress } from '@podroute/cluster/objects/node.ts'
import type { SpeakerConfig } from 'bgp-speaker-ts/config.ts'
import { routerIdOf } from '../nodes/router-id.ts'
import type { PodNetworkSettings } from '../settings.ts'

/** What the speaker tells of at most. How many are used is changed without a new speaker, whose sessions would start anew. */
export const MAX_PATHS = 64

/** Nothing that a session can have of its own: a changed hold time is no reason to end those that have another one. */
export interface InstanceConfig extends Pick<SpeakerConfig, 'asn' | 'routerId' | 'multipath'> {
  readonly listen: { readonly addresses: readonly string[]; readonly port: number }
}

/**
 * Undefined while the node has no address.
 * @param named addresses to listen on in place of the node's own, which stay where other nodes connect to them
 * @param others the Nodes, this one may be among them
 * @param sources addresses that sessions with routers are from: routers connect to them
 */
export function planInstance(
  local: ClusterNode,
  settings: Pick<PodNetworkSettings, 'asn' | 'port' | 'mesh' | 'routerId'>,
  named: readonly string[] = [],
  others: Iterable<ClusterNode> = [],
  sources: readonly string[] = [],
): InstanceConfig | undefined {
  const addresses = FAMILIES.flatMap((family) => primaryAddress(local, family) ?? [])
  if (addresses.length === 0) return undefined
  return {
    asn: settings.asn,
    routerId: settings.routerId ?? primaryAddress(local, 4) ?? routerIdOf(local, others),
    listen: {
      addresses: listenAddresses(addresses, named, sources, settings.mesh !== false),
      port: settings.port,
    },
    multipath: MAX_PATHS,
  }
}

function listenAddresses(
  own: readonly string[],
  named: readonly string[],
  sources: readonly string[],
  mesh: boolean,
): readonly string[] {
  return [...new Set([...(mesh || named.length === 0 ? own : []), ...named, ...sources])]
}
