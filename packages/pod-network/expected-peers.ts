/** Which peers should have spoken by now and have not. */
import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import { peerName } from 'bgp-speaker-ts/peer-name.ts'
import type { ClusterNodes } from './cluster-nodes.ts'
import { isExternal, type PeerKey } from './plan/peers.ts'

/** What is used of the sessions. */
export interface Sessions {
  isEstablished(peer: string): boolean
  hasToldAll(peer: string): boolean
}

type Planned = Iterable<readonly [PeerKey, PeerConfig]>

/** Names of peers that have not told all they have: what nobody announces is not certain before. */
export function untold(planned: Planned, nodes: ClusterNodes, sessions: Sessions): string[] {
  return missing(planned, nodes, (peer) => sessions.hasToldAll(peer))
}

/** Names of peers that a new pod would miss. */
export function awaited(planned: Planned, nodes: ClusterNodes, sessions: Sessions): string[] {
  return missing(planned, nodes, (peer, external) =>
    // Many routers send no End-of-RIB without graceful restart: a session with them has to do.
    external ? sessions.isEstablished(peer) : sessions.hasToldAll(peer),
  )
}

function missing(
  planned: Planned,
  nodes: ClusterNodes,
  heard: (peer: string, external: boolean) => boolean,
): string[] {
  const names: string[] = []
  for (const [key, peer] of planned) {
    const external = isExternal(key)
    const name = peerName(peer)
    const node = external ? undefined : nodes.withAddress(name)
    // A node that is not ready has no agent yet, or none that is done: waiting for it would be waiting in a circle.
    if (node && !node.ready) continue
    if (!heard(name, external)) names.push(node?.name ?? name)
  }
  return names
}
