/** The tables whose things the BGP speaker holds: itself, what it announces, and its peers. */
import type { Flushable } from '@podroute/reconcile/flush-order.ts'
import { Table, type TableOptions } from '@podroute/reconcile/table.ts'
import type { Announcement, PeerConfig } from 'bgp-speaker-ts/config.ts'
import { AnnouncementResource } from './announcement-resource.ts'
import type { BgpInstance, INSTANCE } from './instance.ts'
import type { InstanceConfig } from './instance-config.ts'
import { PeerResource } from './peer-resource.ts'

export interface BgpTables {
  readonly instance: Table<typeof INSTANCE, InstanceConfig>
  readonly announcements: Table<string, Announcement>
  readonly peers: Table<string, PeerConfig>
}

/** Without a speaker there is no network: a taken port is looked at each second. */
const INSTANCE_BACKOFF = { base: 100, cap: 1000 }

export function createBgpTables(instance: BgpInstance, options: TableOptions): BgpTables {
  const speaker = () => instance.speaker
  const held = { ...options, blocked: () => instance.speaker === undefined }
  return {
    instance: new Table(instance, { ...options, backoff: INSTANCE_BACKOFF }),
    announcements: new Table(new AnnouncementResource(speaker), held),
    peers: new Table(new PeerResource(speaker), held),
  }
}

/** The speaker comes before what it holds. */
export function bgpFlushOrder({ instance, announcements, peers }: BgpTables): readonly Flushable[] {
  return [instance, announcements, peers]
}
