/** The pod network's part of the configuration file: the cluster's AS number, routers outside, BGP, and the network of the pods. */

import { join } from 'node:path'
import { canonicalAddress, type Family, width } from '@podroute/address/address.ts'
import { cidr, containsAddress } from '@podroute/address/cidr.ts'
import { ipAddress, port, prefix, seconds } from '@podroute/feature/schema.ts'
import { anySection, type ClusterRanges, type SectionInput } from '@podroute/feature/section.ts'
import * as z from 'zod'
import { acceptedPrefix } from './bgp/external-policy.ts'
import type { AcceptRoutes, ExternalPeer, PodNetworkSettings } from './settings.ts'

/** 0, 65535, 4294967295 are reserved, 23456 is AS_TRANS (RFC 7607, 7300, 6793). */
const asn = z
  .number()
  .int()
  .min(1)
  .max(4294967294)
  .refine((n) => n !== 23456 && n !== 65535, { message: 'a reserved AS number' })

/** RFC 4271 section 4.2: none, or three seconds and more. */
const holdTime = z.union([z.literal(0), seconds(3, 65535)], { message: '0, or 3 to 65535 seconds' })

/** fe80::/10: such an address means nothing without an interface, and a node's sessions run from its global address. */
const LINK_LOCAL = cidr('fe80::/10')
const routerAddress = ipAddress.refine((address) => !containsAddress(LINK_LOCAL, address), {
  message: 'a link-local address without an interface: give an address of the router that every node reaches',
})

/** Bytes of a TCP-MD5 key that the kernel takes (TCP_MD5SIG_MAXKEYLEN of linux/tcp.h). */
const MAX_KEY_BYTES = 80
const key = z
  .string()
  .min(1)
  .refine((text) => Buffer.byteLength(text) <= MAX_KEY_BYTES, {
    message: `a TCP-MD5 key has at most ${MAX_KEY_BYTES} bytes`,
  })

const prefixLength = z.number().int().min(0).max(128).optional()
const acceptedPrefixes = z.union(
  [prefix, z.strictObject({ prefix, minLength: prefixLength, maxLength: prefixLength })],
  {
    message: 'not a prefix such as 10.0.0.0/8, nor {prefix: 10.0.0.0/8, minLength: 16, maxLength: 24}',
  },
)
/** Routes that a router announces: none, all but what no router is believed, or those of a list. */
const acceptRoutes = z.union([z.boolean(), z.array(acceptedPrefixes)], {
  message:
    'true, false, or a list of prefixes such as 10.0.0.0/8 and {prefix: 10.0.0.0/8, minLength: 16, maxLength: 24}',
})

const peer = z.strictObject({
  /** Address of a BGP router outside the cluster. */
  address: routerAddress,
  asn,
  port: port.optional(),
  /** TCP-MD5 key (RFC 2385); better kept in a Secret that is mounted: passwordFile. */
  password: key.optional(),
  passwordFile: z.string().min(1).optional(),
  /** GTSM (RFC 5082): the router has to send with TTL 255, from at most so many hops away. */
  ttlSecurityHops: z.number().int().min(1).max(254).optional(),
  families: z
    .array(z.enum(['ipv4', 'ipv6']))
    .min(1)
    .optional(),
  holdTimeSeconds: holdTime.optional(),
  acceptRoutes: acceptRoutes.default(false),
  /** In each family; more end the session, which is tried again after a minute. */
  maxPrefixes: z.number().int().min(1).max(1_000_000).default(1000),
})

/** Key of the Secret that holds the mesh's password. */
const MESH_KEY = 'mesh'

const bgp = z.strictObject({
  port: port.default(179),
  mesh: z.boolean().default(true),
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
    .strictObject({ enabled: z.boolean().default(true), timeSeconds: seconds(1, 4095).default(120) })
    .prefault({}),
  keepRoutesSeconds: seconds(0, 3600).default(120),
  peerDeadlineSeconds: seconds(1, 600).default(20),
})

const podNetwork = z.strictObject({
  enabled: z.boolean().default(true),
  /** Kernel limit of an interface name: 15 bytes. */
  bridge: z
    .string()
    .regex(/^[^\s/:]{1,15}$/, 'not an interface name')
    .default('kube-bridge'),
  mtu: z.union([z.literal('auto'), z.number().int().min(1280).max(65535)]).default('auto'),
  hairpin: z.boolean().default(true),
  masquerade: z.boolean().default(true),
  /** Accept what pods send and get in the chains FORWARD of iptables whose policy is DROP. */
  acceptForwarding: z.boolean().default(true),
  /** Pods send from their own addresses only; strict: and none may ask for another thing. */
  sourceCheck: z
    .union([z.boolean(), z.literal('strict')], { message: 'true, false or strict' })
    .default(true),
  noMasquerade: z.array(prefix).default([]),
  /** Ranges that the podCIDRs of Nodes are taken from (--cluster-cidr); no route into them is taken from routers outside. */
  clusterCIDRs: z.array(prefix).default([]),
  /** Types of a Node's status.addresses: it is reached at those of the first type that it has any of. */
  nodeAddressTypes: z
    .array(z.enum(['InternalIP', 'ExternalIP']))
    .min(1)
    .default(['InternalIP', 'ExternalIP']),
  conflist: z.string().startsWith('/').default('/etc/cni/net.d/10-podroute.conflist'),
})

const shape = {
  asn: asn.default(64512),
  peers: z.array(peer).default([]),
  bgp: bgp.prefault({}),
  podNetwork: podNetwork.prefault({}),
}

type File = z.infer<z.ZodObject<typeof shape>> & ClusterRanges

export const section = anySection<typeof shape, PodNetworkSettings>({
  shape,
  switches: { 'run-pod-network': ['podNetwork', 'enabled'] },
  settings(file, input) {
    const peers = file.peers.map((entry, i) => externalPeer(entry, `peers[${i}]`, input))
    reportDuplicates(peers, input)
    return file.podNetwork.enabled ? settingsOf(file, peers, meshPassword(file.bgp, input)) : undefined
  },
})

function settingsOf(
  file: File,
  externalPeers: readonly ExternalPeer[],
  meshPassword: string | undefined,
): PodNetworkSettings {
  return {
    asn: file.asn,
    port: file.bgp.port,
    mesh: file.bgp.mesh,
    nodeAddressTypes: file.podNetwork.nodeAddressTypes,
    ...(meshPassword === undefined ? {} : { meshPassword }),
    meshTtlSecurity: file.bgp.meshTtlSecurity,
    holdTime: file.bgp.holdTimeSeconds,
    externalPeers,
    bridge: file.podNetwork.bridge,
    ...(file.podNetwork.mtu === 'auto' ? {} : { mtu: file.podNetwork.mtu }),
    hairpin: file.podNetwork.hairpin,
    masquerade: file.podNetwork.masquerade,
    podsSpeakBgp: file.bgp.fromPods,
    acceptForwarding: file.podNetwork.acceptForwarding,
    sourceCheck: file.podNetwork.sourceCheck,
    noMasquerade: file.podNetwork.noMasquerade.map(cidr),
    serviceCidrs: file.serviceCIDRs.map(cidr),
    clusterCidrs: file.podNetwork.clusterCIDRs.map(cidr),
    nodeCidrs: file.nodeCIDRs.map(cidr),
    conflist: file.podNetwork.conflist,
    ...(file.bgp.gracefulRestart.enabled ? { restartTime: file.bgp.gracefulRestart.timeSeconds } : {}),
    keepRoutes: file.bgp.keepRoutesSeconds,
    peerDeadline: file.bgp.peerDeadlineSeconds,
  }
}

function externalPeer(entry: z.infer<typeof peer>, path: string, input: SectionInput): ExternalPeer {
  if (entry.password !== undefined && entry.passwordFile !== undefined)
    input.problem(path, 'password and passwordFile are both given')
  const { passwordFile } = entry
  const secret = passwordFile === undefined ? undefined : readKey(passwordFile, `${path}.passwordFile`, input)
  const password = entry.password ?? secret
  const families = entry.families?.map((family): Family => (family === 'ipv4' ? 4 : 6))
  return {
    address: canonicalAddress(entry.address) ?? entry.address,
    asn: entry.asn,
    ...(entry.port === undefined ? {} : { port: entry.port }),
    ...(password === undefined ? {} : { password }),
    ...(entry.ttlSecurityHops === undefined ? {} : { ttlSecurityHops: entry.ttlSecurityHops }),
    ...(families === undefined ? {} : { families }),
    ...(entry.holdTimeSeconds === undefined ? {} : { holdTime: entry.holdTimeSeconds }),
    acceptRoutes: accepted(entry.acceptRoutes, `${path}.acceptRoutes`, input),
    maxPrefixes: entry.maxPrefixes,
  }
}

function accepted(raw: z.infer<typeof acceptRoutes>, path: string, input: SectionInput): AcceptRoutes {
  if (typeof raw === 'boolean') return raw
  return raw.map((entry, i) => {
    const { prefix: text, ...lengths } = typeof entry === 'string' ? { prefix: entry } : entry
    const found = acceptedPrefix(cidr(text), lengths)
    const { minLength, maxLength } = found
    const { length, family } = found.prefix
    if (minLength < length || maxLength < minLength || maxLength > width(family))
      input.problem(`${path}[${i}]`, `no prefix in ${text} is ${minLength} to ${maxLength} bits long`)
    return found
  })
}

function meshPassword(
  { meshPasswordFile, secretFolder }: File['bgp'],
  input: SectionInput,
): string | undefined {
  if (meshPasswordFile !== undefined) return readKey(meshPasswordFile, 'bgp.meshPasswordFile', input)
  const file = join(secretFolder, MESH_KEY)
  return checkKey(input.readSecretIfThere(file), file, 'bgp.secretFolder', input)
}

function readKey(file: string, path: string, input: SectionInput): string | undefined {
  return checkKey(input.readSecret(file, path), file, path, input)
}

function checkKey(
  text: string | undefined,
  file: string,
  path: string,
  input: SectionInput,
): string | undefined {
  const bytes = Buffer.byteLength(text ?? '')
  if (bytes > MAX_KEY_BYTES)
    input.problem(path, `${file} has ${bytes} bytes: a TCP-MD5 key has at most ${MAX_KEY_BYTES}`)
  return text
}

function reportDuplicates(peers: readonly ExternalPeer[], input: SectionInput): void {
  for (const [i, { address }] of peers.entries()) {
    const first = peers.findIndex((other) => other.address === address)
    if (first !== i) input.problem(`peers[${i}].address`, `${address} is peers[${first}] already`)
  }
}
