/** Of two Services that want one thing the older one gets it. */
import type { ServiceKey } from '@podroute/cluster/objects/service.ts'
import type { Claim } from '@podroute/reconcile/claims.ts'

/** What was made of a Service. */
export interface Dated {
  /** When the Service was made, in milliseconds since 1970. */
  readonly created: number
}

export function olderFirst(a: Claim<ServiceKey, Dated>, b: Claim<ServiceKey, Dated>): number {
  return a.value.created - b.value.created || (a.owner < b.owner ? -1 : 1)
}
