/** What the annotations of a Node set for that node alone, beside what the configuration says for all. */
import type { Cidr } from '@podroute/address/cidr.ts'
import { peerKey } from '../bgp/peer-key.ts'
import type { ExternalPeer, PodNetworkSettings } from '../settings.ts'

export interface PathPrepend {
  readonly asn: number
  readonly times: number
}

/** What no configuration has, as it is of one node only. */
export interface NodeOverrides {
  /** AS numbers in front of all paths that routers are told. */
  readonly prepend: PathPrepend | undefined
  /** Communities of all paths that routers are told: `64512:1`, or the name of a well-known one. */
  readonly communities: readonly string[]
  /** What no router is believed about, whatever is accepted of it. */
  readonly importReject: readonly Cidr[]
  /** Addresses to listen on for BGP; none: the node's own. */
  readonly listen: readonly string[]
}

export interface NodeSettings extends NodeOverrides {
  readonly peers: readonly ExternalPeer[]
}

export const NO_NODE_SETTINGS: NodeSettings = {
  peers: [],
  prepend: undefined,
  communities: [],
  importReject: [],
  listen: [],
}

/** With the node's own routers; of one that both name the annotation's entry counts, which is about this node. */
export function withPeers(settings: PodNetworkSettings, peers: readonly ExternalPeer[]): PodNetworkSettings {
  const own = new Set(peers.map(peerKey))
  const others = settings.externalPeers.filter((router) => !own.has(peerKey(router)))
  return { ...settings, externalPeers: [...others, ...peers] }
}
