/** What clients outside the cluster connect to: NodePorts, external addresses and those of load balancers, all by the same rules. */
import { familyOf } from '@podroute/address/address.ts'
import type { Backend } from '@podroute/cluster/endpoints/choose.ts'
import { choose } from '@podroute/cluster/endpoints/choose.ts'
import { markElement } from '../rules/sets.ts'
import type { Frontend, Origin } from './frontend.ts'
import { makeFrontend, makeMarkedFrontend } from './make-frontend.ts'
import { rangeElements } from './ranges.ts'
import type { Target } from './target.ts'
import { elementOf } from './target.ts'

/**
 * With policy Cluster all clients are masqueraded, so that the answer of an endpoint on another node comes back this way. With
 * policy Local the packets of clients outside are marked, and a virtual server of that mark gives them this node's endpoints and
 * leaves their address alone; pods and the node itself get all endpoints. Where only other nodes have one, clients outside get
 * no answer: the load balancer is to try those nodes.
 */
export function planOutside(origin: Origin, target: Target, backends: readonly Backend[]): Frontend {
  const { service, context } = target
  const all = choose(backends, 'cluster', context)
  const ranges = origin === 'load-balancer' ? rangeElements(target) : []
  if (service.externalPolicy === 'cluster') {
    return makeFrontend(origin, target, all, [elementOf('service-masquerade', target), ...ranges])
  }
  const local = choose(backends, 'local', context)
  const dropped = all.length > 0 && local.length === 0 ? [elementOf('service-dropped-outside', target)] : []
  const direct = elementOf('service-direct', target)
  const outside = makeMarkedFrontend(origin, target, local, (mark) => [
    markElement(familyOf(target.address), target.address, target.port.protocol, target.port.port, mark),
  ])
  return { ...makeFrontend(origin, target, all, [direct, ...dropped, ...ranges]), outside }
}
