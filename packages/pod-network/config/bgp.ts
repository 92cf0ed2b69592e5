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
        fromNodes: z.number().int().min(2).max(100_000).default(FROM_NODES),
        count: z.number().int().min(1).max(1000).optional(),
        perNode: z.number().int().min(1).max(16).default(CLIENT_OF),
      }),
    ],
    { message: 'auto, off, or {fromNodes: 100, count: 3, perNode: 3}' },
  )
  .default('auto')

export function reflectorSettings(file: z.infer<typeof reflectors>): ReflectorSettings | undefined {
  if (file === 'off') return undefined
  const { count, ...rest } = file === 'auto' ? { fromNodes: FROM_NODES, perNode: CLIENT_OF } : file
  return count === undefined ? rest : { ...rest, count }
}

const drainMarks = z.array(z.string().regex(/^[^=\s]+(=\S*)?$/, 'neither key nor key=value'))

export const bgp = z.strictObject({
  port: port.default(179),
  /** Sessions between nodes: true, false, or between those of one AS alone. */
  mesh: z.union([z.boolean(), z.literal('within-as')], { message: 'true, false or within-as' }).default(true),
  /** Most next hops of a learned route with several paths of equal cost (ECMP). */
  maxPaths: z.number().int().min(1).max(MAX_PATHS).default(8),
  /** Nodes that pass on the routes of others (RFC 4456), where there are many. */
  reflectors,
  /** Pods may connect to the BGP ports of nodes and of the routers that are configured. */
  fromPods: z.boolean().default(false),
  /** Folder of a Secret whose key `mesh`, where there is one, is the TCP-MD5 key of the sessions between nodes. */
  secretFolder: z.string().startsWith('/').default('/etc/podroute-secrets'),
  /** The same in a file that has to be there. */
  meshPasswordFile: z.string().min(1).optional(),
  /** GTSM (RFC 5082) between nodes: a session with one that is not on the same link is refused, and so is whoever plays a node from elsewhere. */
  meshTtlSecurity: z.boolean().default(true),
  holdTimeSeconds: holdTime.default(90),
  /** RFC 4724, RFC 8538: peers keep this node's routes for so long while its agent is away. */
  gracefulRestart: z
    .strictObject({
      enabled: z.boolean().default(true),
      timeSeconds: seconds(1, 4095).default(120),
      /** RFC 9494: so long after that peers may still use them where there is nothing better; 0: not. */
      longLivedSeconds: seconds(0, 16777215).default(3600),
    })
    .prefault({}),
  /** What says of a Node that it is to be left, beside its deletion and its machine's shutdown: `key` or `key=value`. */
  drain: z
    .strictObject({ taints: drainMarks.default([...DRAIN_TAINTS]), labels: drainMarks.default([]) })
    .prefault({}),
  bmp,
  /** In place of the node's own address, or a number that is made of it: of one node only, it has to differ from all others'. */
  routerId: z
    .ipv4()
    .refine((id) => id !== '0.0.0.0', { message: '0.0.0.0 is no router ID' })
    .optional(),
  /** For routers whose own `announce` says nothing else. */
  announce: announceToAll.prefault({}),
  /** BFD between nodes. */
  bfd: bfd.default(false),
  keepRoutesSeconds: seconds(0, 3600).default(120),
  peerDeadlineSeconds: seconds(1, 600).default(20),
})

export function meshPassword(
  { meshPasswordFile, secretFolder }: z.infer<typeof bgp>,
  input: SectionInput,
): string | undefined {
  if (meshPasswordFile !== undefined) return readKey(meshPasswordFile, 'bgp.meshPasswordFile', input)
  const file = join(secretFolder, MESH_KEY)
  return checkKey(input.readSecretIfThere(file), file, 'bgp.secretFolder', input)
}
