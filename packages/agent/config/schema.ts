/** The configuration file, as it may be written: every key with its default; unknown keys are problems. */
import { canonicalAddress } from '@podroute/address/address.ts'
import { cidr, containsAddress, parseCidr } from '@podroute/address/cidr.ts'
import * as z from 'zod'

// A file is read once: compiling code for it takes longer than that.
z.config({ jitless: true })

const seconds = (least: number, most: number) => z.number().int().min(least).max(most)
const port = z.number().int().min(1).max(65535)
/** 0, 65535, 4294967295 are reserved, 23456 is AS_TRANS (RFC 7607, 7300, 6793). */
const asn = z
  .number()
  .int()
  .min(1)
  .max(4294967294)
  .refine((n) => n !== 23456 && n !== 65535, { message: 'a reserved AS number' })
const ipv4OrIpv6 = z
  .string()
  .refine((text) => canonicalAddress(text) !== undefined, { message: 'not an IP address' })
const prefix = z
  .string()
  .refine((text) => parseCidr(text) !== undefined, { message: 'not a prefix such as 10.0.0.0/8' })
const prefixLength = z.number().int().min(0).max(128).optional()
/** RFC 4271 section 4.2: none, or three seconds and more. */
const holdTime = z.union([z.literal(0), seconds(3, 65535)], { message: '0, or 3 to 65535 seconds' })
const httpsUrl = z.url({ protocol: /^https$/, message: 'not an https:// URL' })

/** fe80::/10: such an address means nothing without an interface, and a node's sessions run from its global address. */
const LINK_LOCAL = cidr('fe80::/10')
const routerAddress = ipv4OrIpv6.refine((address) => !containsAddress(LINK_LOCAL, address), {
  message: 'a link-local address without an interface: give an address of the router that every node reaches',
})

/** Bytes of a TCP-MD5 key that the kernel takes (TCP_MD5SIG_MAXKEYLEN of linux/tcp.h). */
export const MAX_KEY_BYTES = 80
const key = z
  .string()
  .min(1)
  .refine((text) => Buffer.byteLength(text) <= MAX_KEY_BYTES, {
    message: `a TCP-MD5 key has at most ${MAX_KEY_BYTES} bytes`,
  })

const acceptedPrefix = z.union(
  [prefix, z.strictObject({ prefix, minLength: prefixLength, maxLength: prefixLength })],
  {
    message: 'not a prefix such as 10.0.0.0/8, nor {prefix: 10.0.0.0/8, minLength: 16, maxLength: 24}',
  },
)
/** Routes that a router announces: none, all but what no router is believed, or those of a list. */
const acceptRoutes = z.union([z.boolean(), z.array(acceptedPrefix)], {
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
  families: z
    .array(z.enum(['ipv4', 'ipv6']))
    .min(1)
    .optional(),
  holdTimeSeconds: holdTime.optional(),
  acceptRoutes: acceptRoutes.default(false),
  /** In each family; more end the session, which is tried again after a minute. */
  maxPrefixes: z.number().int().min(1).max(1_000_000).default(1000),
})

const bgp = z.strictObject({
  port: port.default(179),
  mesh: z.boolean().default(true),
  meshPasswordFile: z.string().min(1).optional(),
  holdTimeSeconds: holdTime.default(90),
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
  noMasquerade: z.array(prefix).default([]),
  /** Ranges that the podCIDRs of Nodes are taken from (--cluster-cidr); no route into them is taken from routers outside. */
  clusterCIDRs: z.array(prefix).default([]),
  conflist: z.string().startsWith('/').default('/etc/cni/net.d/10-podroute.conflist'),
})

const listener = (defaultPort: number) =>
  z.strictObject({
    /** `::`: all addresses of both families. */
    address: ipv4OrIpv6.default('::'),
    port: z.number().int().min(0).max(65535).default(defaultPort),
  })

const serviceProxy = z.strictObject({
  enabled: z.boolean().default(true),
  /** Ranges that Services take their addresses from; no route into them is ever learned. */
  serviceCIDRs: z.array(prefix).default([]),
  masqueradeAll: z.boolean().default(false),
  /** Prefixes of the node's addresses on which NodePorts answer; none: on its primary address of each family. */
  nodePortRanges: z.array(prefix).default([]),
  /** Prefixes that externalIPs of Services may be of; any other one is refused. */
  externalIPRanges: z.array(prefix).default([]),
  /** For how long an endpoint that goes keeps its connections. */
  drainSeconds: seconds(0, 3600).default(30),
  /** kube-proxy's pages /healthz and /livez, which load balancers ask; port 0 turns them off. */
  health: listener(10256).prefault({}),
})

export const configSchema = z.strictObject({
  asn: asn.default(64512),
  peers: z.array(peer).default([]),
  bgp: bgp.prefault({}),
  podNetwork: podNetwork.prefault({}),
  serviceProxy: serviceProxy.prefault({}),
  /** URL of the API server; found by itself when absent. */
  apiServer: httpsUrl.optional(),
  /** Kubeconfig files of the node's kubelet, whose server is used when apiServer is absent. */
  kubeletKubeconfigs: z
    .array(z.string())
    .default(['/host/var/lib/kubelet/kubeconfig', '/host/etc/kubernetes/kubelet.conf']),
  health: listener(20244).prefault({}),
  metrics: listener(20245).prefault({}),
  adminSocket: z.string().startsWith('/').default('/run/podroute/podroute.sock'),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
      format: z.enum(['text', 'json']).default('text'),
    })
    .prefault({}),
})

/** What the file says, with the defaults filled in. */
export type FileConfig = z.infer<typeof configSchema>
