/** Counts of Services for the metrics. */
import type { Service } from '@podroute/cluster/objects/service.ts'
import type { Frontends } from './claims/frontends.ts'
import type { ServiceCounts } from './metrics.ts'
import type { Problem } from './types.ts'

export interface CountSource {
  readonly services: Iterable<Pick<Service, 'key'>>
  readonly frontends: Pick<Frontends, 'of'>
  readonly problems: readonly Pick<Problem, 'code'>[]
  /** Virtual servers that the kernel has. */
  readonly servers: number
}

export function countServices({ services, frontends, problems, servers }: CountSource): ServiceCounts {
  let known = 0
  let withoutEndpoints = 0
  for (const { key } of services) {
    known++
    if (frontends.of(key).some(({ destinations }) => destinations.length === 0)) withoutEndpoints++
  }
  const codes = new Map<string, number>()
  for (const { code } of problems) codes.set(code, (codes.get(code) ?? 0) + 1)
  return { services: known, withoutEndpoints, servers, problems: codes }
}
