/**
 * Endpoints that are the BGP port of a node or a router: whoever may write a slice would arrive there with this node's address, as this node.
 * Pure.
 */

import type { Backend } from '@podroute/cluster/endpoints/choose.ts'
import type { Service } from '@podroute/cluster/objects/service.ts'
import type { Problem } from '../types.ts'
import type { PlanContext } from './context.ts'

export interface Judged {
  /** Without such endpoints; the very same ones where there are none. */
  readonly backends: readonly Backend[]
  /** Some of them are such endpoints or not by what Nodes have. */
  readonly dependsOnNodes: boolean
}

/** @param backends of one port of the Service */
export function withoutBgpSpeakers(
  service: Service,
  backends: readonly Backend[],
  { bgpSpeakers }: Pick<PlanContext, 'bgpSpeakers'>,
  problems: Problem[],
): Judged {
  const atPort = backends.filter(({ port }) => bgpSpeakers.atPort(port))
  if (atPort.length === 0) return { backends, dependsOnNodes: false }
  const refused = atPort.filter(({ address }) => bgpSpeakers.holderOf(address) !== undefined)
  const [first, ...more] = refused
  if (!first) return { backends, dependsOnNodes: true }
  const others = more.length > 0 ? `, and ${more.length} more endpoints` : ''
  const holder = bgpSpeakers.holderOf(first.address)
  problems.push({
    ...{
      code: 'ADDRESS_REFUSED',
      kind: 'Service',
      ...(service.uid && { uid: service.uid }),
      object: service.key,
    },
    detail: `endpoint ${first.address} port ${first.port}: the BGP port of ${holder}${others}`,
  })
  return { backends: backends.filter((backend) => !refused.includes(backend)), dependsOnNodes: true }
}
