/** A Service and its slices to frontends: a pure function over the rule families. */
import { familyOf } from '@podroute/linux/address.ts'
import type { Problem, Service, ServicePort, Slice } from '../types.ts'
import { planClusterIp } from './cluster-ip.ts'
import type { PlanContext } from './context.ts'
import type { Backend } from './endpoints.ts'
import { backendsOf } from './endpoints.ts'
import type { Frontend } from './frontend.ts'
import { planNodePort } from './node-port.ts'

export interface ServicePlan {
  readonly frontends: readonly Frontend[]
  readonly problems: readonly Problem[]
}

export const EMPTY_PLAN: ServicePlan = { frontends: [], problems: [] }

export function planService(service: Service, slices: readonly Slice[], context: PlanContext): ServicePlan {
  const problems: Problem[] = []
  const frontends: Frontend[] = []
  for (const port of service.ports) frontends.push(...planPort(service, port, slices, context))
  return { frontends: unique(service, frontends, problems), problems }
}

function planPort(
  service: Service,
  port: ServicePort,
  slices: readonly Slice[],
  context: PlanContext,
): Frontend[] {
  const byFamily = new Map<4 | 6, readonly Backend[]>()
  const backends = (address: string) => {
    const family = familyOf(address)
    const known = byFamily.get(family) ?? backendsOf(slices, family, port, context.nodeName)
    byFamily.set(family, known)
    return known
  }
  const families = new Set(service.clusterIPs.map(familyOf))
  const nodePortAddresses =
    port.nodePort === 0 ? [] : context.nodePortAddresses.filter((address) => families.has(familyOf(address)))
  return [
    ...service.clusterIPs.map((address) => planClusterIp(service, port, address, backends(address), context)),
    ...nodePortAddresses.map((address) => planNodePort(service, port, address, backends(address), context)),
  ]
}

/** Two ports of one Service with the same number and protocol: the first counts. */
function unique(service: Service, frontends: readonly Frontend[], problems: Problem[]): Frontend[] {
  const seen = new Set<string>()
  return frontends.filter(({ key }) => {
    if (!seen.has(key)) return seen.add(key)
    problems.push({ code: 'CONFLICT', object: service.key, detail: key })
    return false
  })
}
