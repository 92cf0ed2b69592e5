/** Which peers should have spoken by now and have not. */
import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import { peerName } from 'bgp-speaker-ts/peer-name.ts'
import type { ClusterNodes } from '../nodes/cluster-nodes.ts'

/** What is used of the sessions. */
export interface Sessions {
  isEstablished(peer: string): boolean
  hasEndOfRib(peer: string): boolean
}

export interface Expected {
  /** Every peer that is wanted, by the speaker's name of it. */
  readonly planned: Iterable<readonly [string, PeerConfig]>
  /** Those of them that are routers outside of the cluster. */
  readonly routers: ReadonlySet<string>
}

/** Names of peers that have not sent End-of-RIB: what nobody announces is not certain before. */
export function missingEndOfRib(expected: Expected, nodes: ClusterNodes, sessions: Sessions): string[] {
  return missing(expected, nodes, (peer) => sessions.hasEndOfRib(peer))
}

/** Names of peers that a new pod would miss. */
export function blockingReadiness(expected: Expected, nodes: ClusterNodes, sessions: Sessions): string[] {
  return missing(expected, nodes, (peer, external) =>
    // Many routers send no End-of-RIB without graceful restart: a session with them has to do.
    external ? sessions.isEstablished(peer) : sessions.hasEndOfRib(peer),
  )
}

function missing(
  { planned, routers }: Expected,
  nodes: ClusterNodes,
  heard: (peer: string, external: boolean) => boolean,
): string[] {
  const names: string[] = []
  for (const [key, peer] of planned) {
    const external = routers.has(key)
    const name = peerName(peer)
    const node = external ? undefined : nodes.withAddress(name)
    // A node that is not ready has no agent yet, or none that is done: waiting for it would be waiting in a circle.
    if (node && !node.ready) continue
    if (!heard(name, external)) names.push(node?.name ?? name)
  }
  return names
}
