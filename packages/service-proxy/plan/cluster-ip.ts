/** ClusterIPs: one frontend an address and port. */

import type { Backend } from '@podroute/cluster/endpoints/choose.ts'
import { choose } from '@podroute/cluster/endpoints/choose.ts'
import type { SetElement } from '@podroute/kernel/nft/element.ts'
import type { Frontend } from './frontend.ts'
import { makeFrontend } from './make-frontend.ts'
import type { Target } from './target.ts'
import { elementOf } from './target.ts'

/**
 * With internalTrafficPolicy Local nobody gets an endpoint on another node: where this one has none, but others have, clients
 * are left without an answer, as kube-proxy leaves them (KEP-2086).
 */
export function planClusterIp(target: Target, backends: readonly Backend[]): Frontend {
  const { service, context } = target
  const chosen = choose(backends, service.internalPolicy, context)
  const more: SetElement[] = context.masqueradeAll ? [elementOf('service-masquerade', target)] : []
  const elsewhere = chosen.length === 0 && choose(backends, 'cluster', context).length > 0
  if (!elsewhere) return makeFrontend('cluster-ip', target, chosen, more)
  const frontend = makeFrontend('cluster-ip', target, chosen, [...more, elementOf('service-dropped', target)])
  return { ...frontend, elements: frontend.elements.filter(({ set }) => !set.startsWith('service-refused')) }
}
