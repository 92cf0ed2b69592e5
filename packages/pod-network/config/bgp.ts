/** `bgp` of the configuration file: the sessions between nodes, and what all sessions share. */
import { join } from 'node:path'
import { port, seconds } from '@podroute/feature/schema.ts'
import type { SectionInput } from '@podroute/feature/section.ts'
import * as z from 'zod'
import { MAX_PATHS } from '../bgp/instance-config.ts'
import type { ReflectorSettings } from '../bgp/roles/topology.ts'
import { DRAIN_TAINTS } from '../nodes/node-drain.ts'
import { announceToAll } from './announce.ts'
import { holdTime } from './asn.ts'
import { bfd } from './bfd.ts'
import { bmp } from './bmp.ts'
import { checkKey, readKey } from './md5-key.ts'

/** Key of the Secret that holds the mesh's password. */
const MESH_KEY = 'mesh'

/** Beyond so many nodes the mesh gives way to reflectors that nodes choose among themselves. */
const FROM_NODES = 100
const CLIENT_OF = 3

/** `auto`: as the defaults are; `off`: annotations alone. */
const reflectors = z
  .union(
    [
      z.enum(['auto', 'off']),
      z.strictObject({
        fromNodes: z
          .number()
          .int()
          .min(2)
          .max(100_000)
          .default(FROM_NODES)
          .describe('With more nodes than these there are reflectors.'),
        count: z
          .number()
          .int()
          .min(1)
          .max(1000)
          .optional()
          .describe('How many reflectors there are. Absent: one for each hundred nodes, three at least.'),
        perNode: z
          .number()
          .int()
          .min(1)
          .max(16)
          .default(CLIENT_OF)
          .describe('With how many reflectors each other node has a session.'),
      }),
    ],
    { message: 'auto, off, or {fromNodes: 100, count: 3, perNode: 3}' },
  )
  .default('auto')
  .describe(
    'Nodes that pass on the routes of others where there are many (route reflectors, RFC 4456). auto: chosen by all alike beyond 100 nodes; off: those with an annotation alone.',
  )

export function reflectorSettings(file: z.infer<typeof reflectors>): ReflectorSettings | undefined {
  if (file === 'off') return undefined
  const { count, ...rest } = file === 'auto' ? { fromNodes: FROM_NODES, perNode: CLIENT_OF } : file
  return count === undefined ? rest : { ...rest, count }
}

const drainMarks = z.array(z.string().regex(/^[^=\s]+(=\S*)?$/, 'neither key nor key=value'))

export const bgp = z.strictObject({
  port: port
    .default(179)
    .describe(
      'TCP port of the sessions between nodes, on which each node listens. A change starts them anew.',
    ),
  mesh: z
    .union([z.boolean(), z.literal('within-as')], { message: 'true, false or within-as' })
    .default(true)
    .describe(
      'Sessions between nodes. true: of every two; within-as: of nodes of one AS alone; false: none.',
    ),
  maxPaths: z
    .number()
    .int()
    .min(1)
    .max(MAX_PATHS)
    .default(8)
    .describe(
      'Most next hops of a learned route with several paths of equal cost (ECMP). 1: the best path alone.',
    ),
  reflectors,
  fromPods: z
    .boolean()
    .default(false)
    .describe('true: pods may connect to the BGP ports of nodes and routers, and Services may lead there.'),
  secretFolder: z
    .string()
    .startsWith('/')
    .default('/etc/podroute-secrets')
    .describe(
      'Folder of a Secret whose key mesh, where there is one, is the TCP-MD5 key of the sessions between nodes.',
    ),
  meshPasswordFile: z
    .string()
    .min(1)
    .optional()
    .describe(
      'File with that key which has to be there. Absent: the one in secretFolder, which may come and go.',
    ),
  meshTtlSecurity: z
    .boolean()
    .default(true)
    .describe(
      'GTSM (RFC 5082) between nodes: a session comes from their common link only. false where a router lies between nodes.',
    ),
  holdTimeSeconds: holdTime
    .default(90)
    .describe(
      'Seconds without a message after which a session is lost; 0: never. A change starts sessions anew.',
    ),
  gracefulRestart: z
    .strictObject({
      enabled: z
        .boolean()
        .default(true)
        .describe('Whether peers are asked to keep this node’s routes while its agent is away.'),
      timeSeconds: seconds(1, 4095).default(120).describe('Seconds for which they keep them.'),
      longLivedSeconds: seconds(0, 16777215)
        .default(3600)
        .describe(
          'Seconds more for which they may use them where they have nothing better (RFC 9494); 0: none.',
        ),
    })
    .prefault({})
    .describe('Graceful restart (RFC 4724, RFC 8538) with all peers. A change starts sessions anew.'),
  drain: z
    .strictObject({
      taints: drainMarks.default([...DRAIN_TAINTS]).describe('Taints, key or key=value.'),
      labels: drainMarks.default([]).describe('Labels, key or key=value.'),
    })
    .prefault({})
    .describe(
      'What says of a Node that it is to be left, beside its deletion and its machine’s shutdown. Routers then prefer other ways (RFC 8326).',
    ),
  bmp,
  routerId: z
    .ipv4()
    .refine((id) => id !== '0.0.0.0', { message: '0.0.0.0 is no router ID' })
    .optional()
    .describe(
      'BGP identifier, which has to differ from all others’: for one node only. Absent: the node’s address, or a number made of it.',
    ),
  announce: announceToAll.prefault({}).describe('For routers whose own announce says nothing else.'),
  bfd: bfd
    .default(false)
    .describe(
      'BFD (RFC 5880) between nodes: true, or timers. A dead machine’s routes are gone within 900 ms then.',
    ),
  keepRoutesSeconds: seconds(0, 3600)
    .default(120)
    .describe('Seconds for which this node keeps another one’s routes after their session was lost.'),
  peerDeadlineSeconds: seconds(1, 600)
    .default(20)
    .describe('Seconds after which readiness waits no more for peers that do not answer.'),
})

export function meshPassword(
  { meshPasswordFile, secretFolder }: z.infer<typeof bgp>,
  input: SectionInput,
): string | undefined {
  if (meshPasswordFile !== undefined) return readKey(meshPasswordFile, 'bgp.meshPasswordFile', input)
  const file = join(secretFolder, MESH_KEY)
  return checkKey(input.readSecretIfThere(file), file, 'bgp.secretFolder', input)
}
