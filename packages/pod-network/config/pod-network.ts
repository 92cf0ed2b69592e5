/** `podNetwork` of the configuration file: the network of the pods on a node. */
import { prefix } from '@podroute/feature/schema.ts'
import * as z from 'zod'

export const podNetwork = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe(
      'Whether podroute makes the pod network. false: sessions, routes and CNI configuration go; the bridge and its pods stay.',
    ),
  routing: z
    .enum(['bgp', 'api', 'none'], { message: 'bgp, api or none' })
    .default('bgp')
    .describe(
      'Where routes to the pods of other nodes come from. bgp: what nodes and routers announce; api: the Node objects, without BGP; none: the network routes pods itself.',
    ),
  cni: z
    .boolean()
    .default(true)
    .describe(
      'Whether podroute makes the bridge of the pods and the CNI configuration. false: another CNI plugin gives pods their interfaces, with addresses of the Node’s podCIDRs. Not live: another value needs a drained node and a restart of the agent.',
    ),
  // Kernel limit of an interface name: 15 bytes.
  bridge: z
    .string()
    .regex(/^[^\s/:]{1,15}$/, 'not an interface name')
    .default('kube-bridge')
    .describe(
      'Name of the bridge of the node’s pods. Not live: another name needs a drained node, its old bridge deleted, and a restart of the agent.',
    ),
  mtu: z
    .union([z.literal('auto'), z.number().int().min(1280).max(65535)])
    .default('auto')
    .describe(
      'MTU of the bridge and of new pods, in bytes. auto: that of the interface with the node’s address.',
    ),
  hairpin: z.boolean().default(true).describe('Whether a pod reaches itself through its Service.'),
  masquerade: z
    .boolean()
    .default(true)
    .describe('Whether what pods send out of the cluster carries the node’s address.'),
  acceptForwarding: z
    .boolean()
    .default(true)
    .describe(
      'Whether pods are accepted at the end of the chains FORWARD of iptables whose policy is DROP, as Docker and ufw set it.',
    ),
  nodeCondition: z
    .boolean()
    .default(true)
    .describe(
      'Whether the condition NetworkUnavailable of the Node says if the node has its pod network: Kubernetes sends no new pods to a node that has none.',
    ),
  sourceCheck: z
    .union([z.boolean(), z.literal('strict')], { message: 'true, false or strict' })
    .default(true)
    .describe(
      'Whether pods send from their own MAC and IP addresses only. strict: no pod may ask for an exception by its CNI configuration.',
    ),
  noMasquerade: z
    .array(prefix)
    .default([])
    .describe('Prefixes outside of the cluster that pods reach with their own addresses all the same.'),
  clusterCIDRs: z
    .array(prefix)
    .default([])
    .describe(
      'Ranges that podCIDRs of Nodes are taken from (--cluster-cidr). No route into them is taken of routers outside, and annotations of pod prefixes are believed inside them alone.',
    ),
  nodeAddressTypes: z
    .array(z.enum(['InternalIP', 'ExternalIP']))
    .min(1)
    .default(['InternalIP', 'ExternalIP'])
    .describe('Types of a Node’s addresses: it is reached at those of the first type that it has any of.'),
  conflist: z
    .string()
    .startsWith('/')
    .default('/etc/cni/net.d/10-podroute.conflist')
    .describe('Path of the CNI configuration that is written on the node.'),
})
