/** The service proxy's part of the configuration file. */

import { cidr } from '@podroute/address/cidr.ts'
import { listener, prefix, seconds } from '@podroute/feature/schema.ts'
import { anySection } from '@podroute/feature/section.ts'
import * as z from 'zod'
import { KUBE_ROUTER_FLAGS } from './kube-router-flags.ts'
import type { ServiceProxySettings } from './settings.ts'

const serviceProxy = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe(
      'Whether podroute serves Services. false leaves them to kube-proxy, and removes all that is podroute’s of them.',
    ),
  masqueradeAll: z
    .boolean()
    .default(false)
    .describe('true: pods, too, reach Services with the node’s address as their source.'),
  nodePortRanges: z
    .array(prefix)
    .default([])
    .describe(
      'Prefixes of the node’s addresses on which NodePorts answer. Empty: its primary address of each family.',
    ),
  externalIPRanges: z
    .array(prefix)
    .default([])
    .describe('Prefixes that externalIPs of Services may be of. Any other one is refused; empty: all are.'),
  drainSeconds: seconds(0, 3600)
    .default(30)
    .describe('Seconds for which an endpoint that goes keeps its connections.'),
  takeOver: z
    .boolean()
    .default(false)
    .describe(
      'true: virtual servers that another proxy (kube-proxy in IPVS mode, kube-router) left where those of Services have to be become podroute’s, with their connections. For the time of a migration; end the other proxy first.',
    ),
  health: listener(10256)
    .prefault({})
    .describe('Where kube-proxy’s pages /healthz and /livez are served, which load balancers ask.'),
})

const canonical = (prefixes: readonly string[]) => prefixes.map((text) => cidr(text).text)

const shape = { serviceProxy: serviceProxy.prefault({}).describe('Services on the node, by IPVS.') }

export const section = anySection<typeof shape, ServiceProxySettings>({
  shape,
  switches: { 'run-service-proxy': ['serviceProxy', 'enabled'] },
  kubeRouterFlags: KUBE_ROUTER_FLAGS,
  settings({ serviceProxy: file, serviceCIDRs, nodeCIDRs }) {
    if (!file.enabled) return undefined
    return {
      masqueradeAll: file.masqueradeAll,
      serviceCIDRs: canonical(serviceCIDRs),
      nodeCIDRs: canonical(nodeCIDRs),
      nodePortRanges: canonical(file.nodePortRanges),
      externalRanges: canonical(file.externalIPRanges),
      drain: file.drainSeconds,
      takeOver: file.takeOver,
      health: file.health,
    }
  },
})
