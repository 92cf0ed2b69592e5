/** `peers` of the configuration file: every option of a BGP router outside the cluster. */
import { interfaceName, ipAddress, port, seconds } from '@podroute/feature/schema.ts'
import * as z from 'zod'
import { announce } from './announce.ts'
import { asn, holdTime } from './asn.ts'
import { bfd } from './bfd.ts'
import { selectorShape } from './label-selector.ts'
import { key } from './md5-key.ts'
import { acceptEntry, prefixRange, rejectEntry, u32 } from './route-match.ts'

/** Routes that a router announces: none, all but what no router is believed, or those of a list. */
const acceptRoutes = z.union([z.boolean(), z.array(prefixRange)], {
  message:
    'true, false, or a list of prefixes such as 10.0.0.0/8 and {prefix: 10.0.0.0/8, minLength: 16, maxLength: 24}',
})

/** In each family. */
const limit = z.number().int().min(1).max(1_000_000)

const where = {
  address: ipAddress.optional().describe('Address of the router. A link-local one needs its interface.'),
  interface: interfaceName
    .optional()
    .describe(
      'Without an address: an unnumbered router, which is found by its Router Advertisements on this interface.',
    ),
  description: z.string().max(200).optional().describe('Text that podroute peers shows.'),
  nodes: z
    .strictObject({
      names: z.array(z.string().min(1)).min(1).optional().describe('Names of Nodes.'),
      ...selectorShape,
    })
    .optional()
    .describe('Nodes that it is a peer of: all that is given must hold. Absent: every node.'),
  asn: z
    .union([asn, z.enum(['external', 'internal'])], {
      message: 'an AS number from 1 to 4294967294 that is not reserved, external or internal',
    })
    .describe('AS number of the router. external: any but ours; internal: ours.'),
  localAsn: asn
    .optional()
    .describe('Our AS number towards it (RFC 7705). Absent: asn of the file, or of the Node.'),
  localAsnPrepends: z
    .boolean()
    .optional()
    .describe('true: our own AS number stands behind localAsn in AS paths. Absent: false.'),
  allowOwnAs: z
    .number()
    .int()
    .min(0)
    .max(10)
    .optional()
    .describe('How often our own AS number may stand in its paths: more is a loop. Absent: 0.'),
  port: port.optional().describe('TCP port of the router. Absent: 179.'),
  localAddress: ipAddress.optional().describe('Address that the session is from. Absent: the Node’s.'),
  localInterface: interfaceName
    .optional()
    .describe('Interface whose first address the session is from, in place of localAddress.'),
}

const session = {
  passive: z.boolean().optional().describe('true: wait for the router to connect. Absent: false.'),
  password: key.optional().describe('TCP-MD5 key (RFC 2385). passwordFile is the better place for it.'),
  passwordFile: z
    .string()
    .min(1)
    .optional()
    .describe('File of a mounted Secret with that key. Another key is taken on the running session.'),
  ttlSecurityHops: z
    .number()
    .int()
    .min(1)
    .max(254)
    .optional()
    .describe('GTSM (RFC 5082): the router sends with TTL 255, from at most so many hops away. Absent: off.'),
  multihop: z
    .number()
    .int()
    .min(1)
    .max(255)
    .optional()
    .describe('TTL of what is sent; not beside ttlSecurityHops. Absent: 255, which reaches any router.'),
  families: z
    .array(z.enum(['ipv4', 'ipv6']))
    .min(1)
    .optional()
    .describe('Families of routes, over one session. Absent: those of the node.'),
  holdTimeSeconds: holdTime
    .optional()
    .describe(
      'Seconds without a message after which the session is lost; 0: never. Absent: bgp.holdTimeSeconds.',
    ),
  keepaliveSeconds: seconds(1, 21845)
    .optional()
    .describe('Seconds between keepalives. Absent: a third of the hold time, and never more than that.'),
  connectRetrySeconds: seconds(1, 65535)
    .optional()
    .describe('Most seconds between attempts to connect. Absent: 5.'),
  bfd: bfd.default(false).describe('BFD (RFC 5880): true, or timers. The router has to have it, too.'),
  role: z
    .enum(['provider', 'customer', 'peer', 'rs', 'rs-client'])
    .optional()
    .describe(
      'What this cluster is to the router’s AS (RFC 9234); leaks of routes are refused then. Absent: nothing is said.',
    ),
  roleStrict: z
    .boolean()
    .optional()
    .describe('true: a router that does not say its own role is refused. Absent: false.'),
  gracefulRestart: z
    .strictObject({
      enabled: z
        .boolean()
        .default(true)
        .describe('Whether the router is asked to keep this node’s routes while its agent is away.'),
      timeSeconds: seconds(1, 4095).default(120).describe('Seconds for which it keeps them.'),
      longLivedSeconds: seconds(0, 16777215)
        .default(3600)
        .describe('Seconds more for which it may use them where it has nothing better (RFC 9494); 0: none.'),
    })
    .optional()
    .describe('Graceful restart with this router. Absent: as bgp.gracefulRestart says.'),
  addPath: z
    .strictObject({
      send: z.boolean().default(false).describe('Several paths to a prefix are sent.'),
      receive: z.boolean().default(false).describe('Several paths to a prefix are taken.'),
    })
    .optional()
    .describe('Several paths to a prefix (RFC 7911). Absent: neither.'),
}

const routes = {
  acceptRoutes: acceptRoutes
    .default(false)
    .describe(
      'What of its announcements is installed: nothing (false), these prefixes, or all (true). Never ranges of the cluster, nor what is loopback, link-local, multicast or reserved.',
    ),
  accept: z
    .array(acceptEntry)
    .optional()
    .describe(
      'In place of acceptRoutes: the first entry whose conditions all hold takes a route. {} takes all.',
    ),
  reject: z
    .array(rejectEntry)
    .optional()
    .describe('Routes that are never taken: those that meet all conditions of an entry.'),
  localPreference: u32
    .optional()
    .describe('Local preference of what is taken by an entry without one of its own. Absent: 100.'),
  maxPrefixes: z
    .union(
      [
        limit,
        z.strictObject({
          ipv4: limit.optional().describe('Of IPv4.'),
          ipv6: limit.optional().describe('Of IPv6.'),
        }),
      ],
      { message: 'a number from 1 to 1000000, or one for each family such as {ipv4: 1000, ipv6: 500}' },
    )
    .default(1000)
    .describe('Most prefixes of the router in each family. Four fifths are logged.'),
  maxPrefixesAction: z
    .enum(['reset', 'block', 'warn'])
    .optional()
    .describe(
      'What happens beyond. reset, as when absent: the session ends for a minute; block: they are not taken; warn: they are.',
    ),
}

export const peer = z.strictObject({
  ...where,
  ...session,
  ...routes,
  announce: announce.optional().describe('What the router is told, and how.'),
})
