/** loadBalancerSourceRanges: which clients may use a load-balancer address. */

import { familyOf } from '@podroute/address/address.ts'
import { outermost } from '@podroute/address/outermost.ts'
import type { SetElement } from '@podroute/kernel/nft/element.ts'
import { setOf } from '../rules/sets.ts'
import type { Target } from './target.ts'
import { elementOf } from './target.ts'

/** Ranges of the other family say nothing about this address; without one of its own anybody may use it. */
export function rangeElements(target: Target): SetElement[] {
  const { service, port, address } = target
  const family = familyOf(address)
  const ranges = service.sourceRanges.filter((range) => familyOf(range) === family)
  if (ranges.length === 0 || ranges.some((range) => range.endsWith('/0'))) return []
  const allowed = outermost(ranges).map((range) => ({
    set: setOf('service-ranges', family),
    element: `${address} . ${port.protocol} . ${port.port} . ${asElement(range)}`,
  }))
  return [elementOf('service-ranged', target), ...allowed]
}

/** As nft lists it: a single address without a length. */
function asElement(range: string): string {
  return range.replace(familyOf(range) === 4 ? /\/32$/ : /\/128$/, '')
}
