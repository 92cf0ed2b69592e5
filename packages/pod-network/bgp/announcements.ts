/** What this node announces: its own pod prefixes, each with its own address of that family as next hop. */

import { type ClusterNode, primaryAddress } from '@podroute/cluster/objects/node.ts'
import type { Announcement } from 'bgp-speaker-ts/config.ts'
import type { AnnouncementKind } from './policy.ts'

const PODS: readonly AnnouncementKind[] = ['pod-cidr']

/** A prefix of a family that the node has no address of cannot be reached and is not announced. */
export function planAnnouncements(local: ClusterNode): ReadonlyMap<string, Announcement> {
  const planned = new Map<string, Announcement>()
  for (const prefix of local.podCidrs) {
    const nextHop = primaryAddress(local, prefix.family)
    if (nextHop !== undefined)
      planned.set(prefix.text, { prefix: prefix.text, nextHop, origin: 'igp', tags: PODS })
  }
  return planned
}
