/** The service proxy's part of the configuration file. */

import { cidr } from '@podroute/address/cidr.ts'
import { listener, prefix, seconds } from '@podroute/feature/schema.ts'
import { anySection } from '@podroute/feature/section.ts'
import * as z from 'zod'
import { KUBE_ROUTER_FLAGS } from './kube-router-flags.ts'
import type { ServiceProxySettings } from './settings.ts'

const serviceProxy = z.strictObject({
  enabled: z.boolean().default(true),
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

const canonical = (prefixes: readonly string[]) => prefixes.map((text) => cidr(text).text)

const shape = { serviceProxy: serviceProxy.prefault({}) }

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
      health: file.health,
    }
  },
})
