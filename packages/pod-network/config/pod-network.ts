/** `podNetwork` of the configuration file: the network of the pods on a node. */
import { prefix } from '@podroute/feature/schema.ts'
import * as z from 'zod'

export const podNetwork = z.strictObject({
  enabled: z.boolean().default(true),
  /** Where routes to the pods of other nodes come from. */
  routing: z.enum(['bgp', 'api', 'none'], { message: 'bgp, api or none' }).default('bgp'),
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
