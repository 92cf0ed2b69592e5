/** A Service and its slices to frontends: a pure function over the rule families. */

import type { Family } from '@podroute/address/address.ts'
import { familyOf } from '@podroute/address/address.ts'
import { backendsOf } from '@podroute/cluster/endpoints/choose.ts'
import type { Slice } from '@podroute/cluster/objects/endpoint-slice.ts'
import type { Service, ServicePort } from '@podroute/cluster/objects/service.ts'
import { tuningOf } from '../parse/annotations.ts'
import { DEFAULT_SCHEDULER } from '../settings.ts'
import type { Problem, ProblemCode } from '../types.ts'
import { judgeAddress } from './addresses.ts'
import { endpointNumbers } from './affinity.ts'
import { withoutBgpSpeakers } from './bgp-endpoints.ts'
import { planClusterIp } from './cluster-ip.ts'
import type { PlanContext } from './context.ts'
import { usableSlices } from './endpoint-addresses.ts'
import type { Frontend, Origin } from './frontend.ts'
import type { HealthCheck } from './health-check.ts'
import { planHealthCheck } from './health-check.ts'
import { planOutside } from './outside.ts'
import type { Target } from './target.ts'

export interface ServicePlan {
  readonly frontends: readonly Frontend[]
  readonly healthCheck: HealthCheck | undefined
  readonly problems: readonly Problem[]
  /** It may be another one when Nodes have other prefixes or addresses, though it asks for none of them. */
  readonly dependsOnNodes: boolean
}

export const EMPTY_PLAN: ServicePlan = {
  frontends: [],
  healthCheck: undefined,
  problems: [],
  dependsOnNodes: false,
}

/** What planning finds on its way. */
interface Notes {
  readonly problems: Problem[]
  dependsOnNodes: boolean
}

/** An address that a Service asks for, and as what. */
interface RequestedAddress {
  readonly origin: Origin
  readonly address: string
}

export function planService(service: Service, known: readonly Slice[], context: PlanContext): ServicePlan {
  const problems: Problem[] = []
  const { slices, dependsOnNodes } = usableSlices(known, context, problems)
  const notes: Notes = { problems, dependsOnNodes }
  const requested = addressesOf(service, context, problems)
  const { scheduler } = tuningOf(service)
  if (context.missingSchedulers.has(scheduler)) {
    problems.push(problemOf(service, 'NO_SCHEDULER', `${scheduler}; ${DEFAULT_SCHEDULER} is used instead`))
  }
  const frontends: Frontend[] = []
  for (const port of service.ports)
    frontends.push(...planPort(service, port, slices, requested, context, notes))
  return {
    frontends: unique(service, frontends, problems),
    healthCheck: planHealthCheck(service, slices, context.nodeName),
    ...notes,
  }
}

/** All but the NodePorts' addresses; those that may not be used are reported. */
function addressesOf(service: Service, context: PlanContext, problems: Problem[]): RequestedAddress[] {
  const families = new Set(service.clusterIPs.map(familyOf))
  const wanted: RequestedAddress[] = [
    ...service.clusterIPs.map((address) => ({ origin: 'cluster-ip' as const, address })),
    ...service.externalIPs.map((address) => ({ origin: 'external-ip' as const, address })),
    ...service.ingressIPs.map((address) => ({ origin: 'load-balancer' as const, address })),
  ]
  return wanted.filter(({ origin, address }) => {
    if (!families.has(familyOf(address))) return false
    const verdict = judgeAddress(origin, address, context)
    if (verdict.kind === 'refuse') {
      const detail = `${address}: ${verdict.reason}`
      problems.push(problemOf(service, 'ADDRESS_REFUSED', detail))
    }
    return verdict.kind === 'use'
  })
}

function planPort(
  service: Service,
  port: ServicePort,
  slices: readonly Slice[],
  requested: readonly RequestedAddress[],
  context: PlanContext,
  notes: Notes,
): Frontend[] {
  const byFamily = new Map<Family, ReturnType<typeof behind>>()
  const behind = (family: Family) => {
    const all = backendsOf(slices, family, port, context.nodeName)
    const { backends, dependsOnNodes } = withoutBgpSpeakers(service, all, context, notes.problems)
    notes.dependsOnNodes ||= dependsOnNodes
    return { backends, numbers: endpointNumbers(service, backends) }
  }
  const at = (address: string) => {
    const family = familyOf(address)
    const known = byFamily.get(family) ?? behind(family)
    byFamily.set(family, known)
    return known
  }
  const frontends = requested.map(({ origin, address }) => {
    const { backends, numbers } = at(address)
    const target: Target = { service, port, address, context, numbers }
    if (origin === 'cluster-ip') return planClusterIp(target, backends)
    return planOutside(origin, target, backends)
  })
  if (port.nodePort === 0) return frontends
  const families = new Set(service.clusterIPs.map(familyOf))
  for (const address of context.nodePortAddresses) {
    if (!families.has(familyOf(address))) continue
    const { backends, numbers } = at(address)
    const target: Target = { service, port: { ...port, port: port.nodePort }, address, context, numbers }
    frontends.push(planOutside('node-port', target, backends))
  }
  return frontends
}

/** Two ports of one Service with the same number and protocol, or an address twice: the first counts. */
function unique(service: Service, frontends: readonly Frontend[], problems: Problem[]): Frontend[] {
  const seen = new Set<string>()
  return frontends.filter(({ key }) => {
    if (!seen.has(key)) return seen.add(key)
    problems.push(problemOf(service, 'CONFLICT', key))
    return false
  })
}

export function problemOf({ key, uid }: Service, code: ProblemCode, detail: string): Problem {
  return { code, kind: 'Service', ...(uid && { uid }), object: key, detail }
}
