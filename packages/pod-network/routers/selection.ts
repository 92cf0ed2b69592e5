/** Which of the configured routers are peers of this node. What is wrong with the others concerns other nodes. */

import { matches } from '@podroute/cluster/objects/label-selector.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { peerKey } from '../bgp/peer-key.ts'
import type { ExternalPeer } from '../settings.ts'
import type { NodeSelector, RouterFault } from './router-settings.ts'

export interface Selection {
  readonly routers: readonly ExternalPeer[]
  readonly problems: readonly RouterFault[]
}

/**
 * @param local undefined: only routers of all nodes are known to be its peers
 * @param before those that were selected last: what cannot be used of an entry now goes on as it was
 */
export function selectRouters(
  entries: readonly ExternalPeer[],
  local: Pick<ClusterNode, 'name' | 'labels'> | undefined,
  before: readonly ExternalPeer[],
): Selection {
  const known = new Map(before.map((router) => [peerKey(router), router]))
  const chosen = new Map<string, ExternalPeer>()
  const indices = new Map<string, number>()
  const problems: RouterFault[] = []
  for (const [i, entry] of entries.entries()) {
    if (!selects(entry.nodes, local)) continue
    const key = peerKey(entry)
    const first = indices.get(key)
    if (first !== undefined) {
      problems.push(conflict(i, first, key))
      continue
    }
    indices.set(key, i)
    const usable = entry.fault === undefined ? entry : withFormerKey(entry, known.get(key))
    if (entry.fault) problems.push(usable ? goesOn(entry.fault) : entry.fault)
    if (usable) chosen.set(key, usable)
  }
  return { routers: [...chosen.values()], problems }
}

function selects(
  selector: NodeSelector | undefined,
  local: Pick<ClusterNode, 'name' | 'labels'> | undefined,
): boolean {
  if (selector === undefined) return true
  if (local === undefined) return false
  const { names, labels } = selector
  return (names.length === 0 || names.includes(local.name)) && matches(labels, local.labels)
}

/** A key that is gone or cannot be used: the last good one goes on. Without one no connection is ever tried or accepted. */
function withFormerKey(entry: ExternalPeer, before: ExternalPeer | undefined): ExternalPeer | undefined {
  if (before?.password === undefined) return undefined
  const { fault: _, ...rest } = entry
  return { ...rest, password: before.password }
}

function goesOn({ path, message }: RouterFault): RouterFault {
  return { path, message: `${message}; the last password goes on` }
}

function conflict(index: number, first: number, key: string): RouterFault {
  return {
    path: `peers[${index}]`,
    message: `${key} is peers[${first}] on this node already, which goes on: let only one of both select it (nodes)`,
  }
}
