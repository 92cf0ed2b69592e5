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
  kinds: z
    .array(z.enum(Object.keys(KINDS) as (keyof typeof KINDS)[]))
    .optional()
    .describe('What the router is told of all that the node announces. Absent: everything.'),
  communities: z.array(community).optional().describe('Communities that go with every announcement, added.'),
  med: u32.optional().describe('Multi-exit discriminator of announcements. Absent: none.'),
  prepend: z
    .number()
    .int()
    .min(0)
    .max(64)
    .optional()
    .describe('How often our AS number stands in the path once more. Absent: 0.'),
  localPreference: u32
    .optional()
    .describe('Local preference of announcements to a router of our own AS. Absent: 100.'),
  nextHop: z
    .enum(['self', 'unchanged'])
    .optional()
    .describe(
      'Next hop of announcements. self, as when absent: the address that the session is from; unchanged: the Node’s address.',
    ),
  aggregates: z
    .array(prefix)
    .optional()
    .describe('Prefixes that are told in place of what lies inside, as long as there is anything inside.'),
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
