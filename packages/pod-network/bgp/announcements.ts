/** What this node announces, and who of several wants a prefix announced: the pod network, or Services that share an address. */

import { type ClusterNode, primaryAddress } from '@podroute/cluster/objects/node.ts'
import { isSame } from '@podroute/cluster/objects/same.ts'
import { type Claim, Claims } from '@podroute/reconcile/claims.ts'
import type { Announcement } from 'bgp-speaker-ts/config.ts'
import type { AnnouncementKind } from './policy.ts'

/** The pod network's own, or a Service by its key. */
export type AnnouncementOwner = 'pods' | `service/${string}`

export interface WantedAnnouncement {
  readonly announcement: Announcement
  /** `lowered`: routers are to prefer any other node. */
  readonly rank: 'plain' | 'lowered'
  /** Milliseconds since 1970: of the Service. */
  readonly created: number
}

/** What is used of the table. */
interface AnnouncementSink {
  set(prefix: string, announcement: Announcement): void
  delete(prefix: string): void
}

export class AnnouncementClaims extends Claims<AnnouncementOwner, string, WantedAnnouncement> {
  constructor(table: AnnouncementSink) {
    super(
      {
        set: (prefix, { announcement }) => table.set(prefix, announcement),
        delete: (prefix) => table.delete(prefix),
      },
      { precedes, equal: (a, b) => isSame(a.announcement, b.announcement) },
    )
  }
}

/** Pods come first. Of Services one that is served well says how an address is announced, then the older one. */
function precedes(
  a: Claim<AnnouncementOwner, WantedAnnouncement>,
  b: Claim<AnnouncementOwner, WantedAnnouncement>,
): number {
  const pods = Number(b.owner === 'pods') - Number(a.owner === 'pods')
  const lowered = Number(a.value.rank === 'lowered') - Number(b.value.rank === 'lowered')
  return pods || lowered || a.value.created - b.value.created || (a.owner < b.owner ? -1 : 1)
}

const PODS: readonly AnnouncementKind[] = ['pod-cidr']

/** A prefix of a family that the node has no address of cannot be reached and is not announced. */
export function planPodPrefixes(local: ClusterNode): ReadonlyMap<string, WantedAnnouncement> {
  const planned = new Map<string, WantedAnnouncement>()
  for (const prefix of local.podCidrs) {
    const nextHop = primaryAddress(local, prefix.family)
    if (nextHop === undefined) continue
    const announcement: Announcement = { prefix: prefix.text, nextHop, origin: 'igp', tags: PODS }
    planned.set(prefix.text, { announcement, rank: 'plain', created: 0 })
  }
  return planned
}
