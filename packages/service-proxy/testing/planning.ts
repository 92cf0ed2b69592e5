/** Plans single Services for tests, and shows what came out in few words. */

import { cidr, contains } from '@podroute/address/cidr.ts'
import type { EndpointSliceObject } from '@podroute/cluster/objects/endpoint-slice.ts'
import { parseService } from '@podroute/cluster/objects/parse-service.ts'
import { parseSlice } from '@podroute/cluster/objects/parse-slice.ts'
import type { ServiceObject } from '@podroute/cluster/objects/service.ts'
import { serviceProblems, sliceProblems } from '../parse/problems.ts'
import type { PlanContext } from '../plan/context.ts'
import type { Frontend } from '../plan/frontend.ts'
import { Marks } from '../plan/marks.ts'
import type { ServicePlan } from '../plan/plan.ts'
import { planService } from '../plan/plan.ts'

export const NODE = { v4: '192.0.2.11', v6: '2001:db8::11' }

export function contextWith(more: Partial<PlanContext> = {}): PlanContext {
  const marks = new Marks()
  return {
    nodeName: 'node',
    zone: 'zone-a',
    nodeAddresses: new Set([NODE.v4, NODE.v6]),
    interfaceAddresses: new Set([NODE.v4, NODE.v6]),
    clusterAddresses: new Set([NODE.v4, NODE.v6, '192.0.2.12']),
    reservedAddresses: new Map(),
    nodePortAddresses: [NODE.v4, NODE.v6],
    externalRanges: ['198.51.100.0/24'].map(cidr),
    serviceRanges: [cidr('10.96.0.0/16')],
    podRanges: { hold: (host) => contains(cidr('10.244.0.0/16'), host) },
    bgpSpeakers: { atPort: () => false, holderOf: () => undefined },
    missingSchedulers: new Set(),
    masqueradeAll: false,
    markOf: (name) => marks.of(name),
    ...more,
  }
}

export interface Planned extends ServicePlan {
  /** Those for clients outside stand after the ones that they belong to. */
  readonly frontends: readonly Frontend[]
  /** `tcp 10.96.0.1 80` or, for clients outside, `outside tcp 10.96.0.1 80`: its endpoints. */
  readonly endpoints: Readonly<Record<string, readonly string[]>>
  /** Elements of sets, by the set's name. */
  readonly sets: Readonly<Record<string, readonly string[]>>
  /** Also those of parsing. */
  readonly all: readonly string[]
}

/** A frontend, and the one beside it for clients outside. */
function withOutside(frontend: Frontend): Frontend[] {
  return frontend.outside ? [frontend, frontend.outside] : [frontend]
}

export function planOf(
  object: ServiceObject,
  slices: readonly EndpointSliceObject[],
  more: Partial<PlanContext> = {},
): Planned {
  const service = parseService(object)
  if (!service) throw new Error('not a Service to proxy')
  const own = slices.map((slice) => parseSlice(slice)).filter((slice) => slice !== undefined)
  const parsed = [...serviceProblems(service), ...own.flatMap(sliceProblems)]
  const plan = planService(service, own, contextWith(more))
  const frontends = plan.frontends.flatMap(withOutside)
  const endpoints: Record<string, string[]> = {}
  const sets: Record<string, Set<string>> = {}
  for (const { server, protocol, address, port, destinations, elements } of frontends) {
    const name = `${server.fwmark === undefined ? '' : 'outside '}${protocol} ${address} ${port}`
    endpoints[name] = destinations.map((d) => d.address)
    for (const { set, element } of elements) {
      sets[set] ??= new Set()
      sets[set].add(element)
    }
  }
  return {
    ...plan,
    frontends,
    endpoints,
    sets: Object.fromEntries(Object.entries(sets).map(([set, elements]) => [set, [...elements].sort()])),
    all: [...parsed, ...plan.problems].map(({ code, detail }) => `${code} ${detail}`),
  }
}
