/** loadBalancerSourceRanges: which clients may use a load-balancer address. */
import { canonicalPrefix, contains, familyOf, parsePrefix } from '@podroute/linux/address.ts'
import type { SetElement } from '../rules/sets.ts'
import { setOf } from '../rules/sets.ts'
import type { Target } from './target.ts'
import { elementOf } from './target.ts'

/** Ranges of the other family say nothing about this address; without one of its own anybody may use it. */
export function rangeElements(target: Target): SetElement[] {
  const { service, port, address } = target
  const family = familyOf(address)
  const ranges = service.sourceRanges.filter((range) => familyOf(range) === family)
  if (ranges.length === 0 || ranges.some((range) => parsePrefix(range).length === 0)) return []
  const allowed = outermost(ranges).map((range) => ({
    set: setOf('service-ranges', family),
    element: `${address} . ${port.protocol} . ${port.port} . ${asElement(range)}`,
  }))
  return [elementOf('service-ranged', target), ...allowed]
}

/** An nftables set of intervals takes none that lies in another. */
function outermost(ranges: readonly string[]): readonly string[] {
  const distinct = [...new Set(ranges.map(canonicalPrefix))]
  return distinct.filter((range) => !distinct.some((other) => other !== range && covers(other, range)))
}

function covers(outer: string, inner: string): boolean {
  const { length } = parsePrefix(inner)
  return parsePrefix(outer).length < length && contains(outer, inner.slice(0, inner.indexOf('/')))
}

/** As nft lists it: a single address without a length. */
function asElement(range: string): string {
  return range.replace(familyOf(range) === 4 ? /\/32$/ : /\/128$/, '')
}
