/** Endpoints that no node can send traffic to: the kernel would refuse them again and again, or take them for itself. Pure. */
import { hostCidr } from '@podroute/address/cidr.ts'
import { specialRange } from '@podroute/address/special.ts'
import type { Slice } from '@podroute/cluster/objects/endpoint-slice.ts'
import type { Problem } from '../types.ts'
import type { PlanContext } from './context.ts'

type Facts = Pick<PlanContext, 'podRanges' | 'clusterAddresses'>

export interface Usable {
  /** Without such endpoints; the very same ones where there are none. */
  readonly slices: readonly Slice[]
  /** Some of the endpoints are usable or not by what Nodes have. */
  readonly dependsOnNodes: boolean
}

export function usableSlices(known: readonly Slice[], facts: Facts, problems: Problem[]): Usable {
  let dependsOnNodes = false
  const slices = known.map((slice) => {
    const special = slice.endpoints.filter(({ address }) => isSpecial(address))
    if (special.length === 0) return slice
    dependsOnNodes = true
    const refused = special.filter(({ address }) => !isSomebodys(address, facts))
    if (refused.length === 0) return slice
    problems.push(
      problemOf(
        slice,
        refused.map(({ address }) => address),
      ),
    )
    return { ...slice, endpoints: slice.endpoints.filter((endpoint) => !refused.includes(endpoint)) }
  })
  return { slices, dependsOnNodes }
}

function isSpecial(address: string): boolean {
  if (!mayBeSpecial(address)) return false
  const host = hostCidr(address)
  return host !== undefined && specialRange(host) !== undefined
}

/** Networks of one's own may lie in 240.0.0.0/4: what pods or nodes have is as good as any address. */
function isSomebodys(address: string, { podRanges, clusterAddresses }: Facts): boolean {
  return podRanges.hold(hostCidr(address)!) || clusterAddresses.has(address)
}

/** By the beginning of canonical text: nearly all endpoints of a cluster pass here. */
function mayBeSpecial(address: string): boolean {
  return /^(0\.|127\.|169\.|2[2-5]\d\.|:|f[ef]|0)/.test(address)
}

/** One for a slice, however many there are. */
function problemOf({ key, uid }: Slice, [first, ...more]: readonly string[]): Problem {
  const { purpose, source } = specialRange(hostCidr(first!)!)!
  const others = more.length > 0 ? `, and ${more.length} more endpoints` : ''
  const detail = `endpoint ${first}: ${purpose} (${source}), and no pod's or node's${others}`
  return { code: 'ADDRESS_REFUSED', kind: 'EndpointSlice', ...(uid && { uid }), object: key, detail }
}
