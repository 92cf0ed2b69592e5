/** A range that Services take their ClusterIPs from (KEP-1880): what is kept of the object, and what is made of it. */
import { type Cidr, parseCidr } from '@podroute/address/cidr.ts'
import { exact, shown } from './fields.ts'
import type { FieldProblem } from './problem.ts'

/** What is kept of a ServiceCIDR of networking.k8s.io/v1. */
export interface ServiceCidrObject {
  /** spec.cidrs: at most one of each family. */
  readonly cidrs: readonly string[]
}

export interface ServiceCidr {
  readonly ranges: readonly Cidr[]
  /** Fields that were skipped. */
  readonly problems: readonly FieldProblem[]
}

/** Never throws. One that is being deleted counts until it is gone: Services may have its addresses still. */
export function parseServiceCidr({ cidrs }: ServiceCidrObject): ServiceCidr {
  const ranges: Cidr[] = []
  const problems: FieldProblem[] = []
  for (const [i, text] of cidrs.entries()) {
    const range = parseCidr(text)
    const reason = range ? (range.length === 0 ? 'the whole address space' : undefined) : 'not a prefix'
    if (reason === undefined) ranges.push(range!)
    else problems.push({ path: `spec.cidrs[${i}]`, reason: `${reason}: ${shown(text)}` })
  }
  return { ranges: exact(ranges), problems: exact(problems) }
}
