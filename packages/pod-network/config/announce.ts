/** `peers[].announce`: what a router is told, and how. */
import { cidr } from '@podroute/address/cidr.ts'
import { prefix } from '@podroute/feature/schema.ts'
import * as z from 'zod'
import type { AnnouncementKind } from '../bgp/policy.ts'
import type { RouterExport } from '../routers/router-settings.ts'
import { community, u32, withoutUndefined } from './route-match.ts'

const KINDS = {
  podCIDRs: 'pod-cidr',
  clusterIPs: 'cluster-ip',
  externalIPs: 'external-ip',
  loadBalancerIPs: 'load-balancer-ip',
} as const satisfies Readonly<Record<string, AnnouncementKind>>

export const announce = z.strictObject({
  /** Of what is announced at all; absent: everything. */
  kinds: z.array(z.enum(Object.keys(KINDS) as (keyof typeof KINDS)[])).optional(),
  communities: z.array(community).optional(),
  med: u32.optional(),
  /** How often the own AS number stands in the path once more. */
  prepend: z.number().int().min(0).max(64).optional(),
  /** For a router of the own AS. */
  localPreference: u32.optional(),
  /** self: the address that the session is from; unchanged: the Node's address. */
  nextHop: z.enum(['self', 'unchanged']).optional(),
  /** Told in place of what lies inside, as long as there is anything. */
  aggregates: z.array(prefix).optional(),
})

/** What holds for routers whose entry says nothing else. */
export const announceToAll = announce.pick({ kinds: true, nextHop: true })

export function readAnnounce({ kinds, aggregates, ...others }: z.infer<typeof announce>): RouterExport {
  return {
    ...withoutUndefined(others),
    ...(kinds ? { kinds: kinds.map((kind) => KINDS[kind]) } : {}),
    ...(aggregates ? { aggregates: aggregates.map(cidr) } : {}),
  }
}
