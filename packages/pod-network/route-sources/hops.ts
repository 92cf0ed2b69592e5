/** Where a packet to an address goes from this node: to a pod of its own, by a route, or nowhere, and why. Pure. */
import { containsAddress, parseCidr } from '@podroute/address/cidr.ts'
import type { Hop } from '@podroute/feature/page.ts'
import type { RouteSnapshot } from './route-report.ts'

export interface KnownRoutes {
  /** Of this node. */
  readonly podCIDRs: readonly string[]
  readonly routes: readonly RouteSnapshot[]
  readonly bridge: string
}

export function routeHops(address: string, { podCIDRs, routes, bridge }: KnownRoutes): readonly Hop[] {
  const own = podCIDRs.find((text) => holds(text, address))
  if (own !== undefined)
    return [{ step: 'bridge', detail: `${bridge}: ${own} is of this node's pods`, problem: '' }]
  const covering = routes.filter(({ destination }) => holds(destination, address)).toSorted(longestFirst)
  const used = covering.find(({ state }) => state !== 'refused')
  const refused = covering
    .filter(({ state }) => state === 'refused')
    .map(({ destination, detail, from }) => `${destination} of ${from.join(', ')} is refused: ${detail}`)
  if (used) return [routeHop(used)]
  return refused.length === 0 ? [] : [{ step: 'route', detail: 'none', problem: refused.join('; ') }]
}

export interface MasqueradeFacts {
  readonly enabled: boolean
  /** Of this node. */
  readonly podCIDRs: readonly string[]
  /** To these nothing is masqueraded: pods and nodes of the cluster, and what the configuration names. */
  readonly direct: readonly string[]
}

/** With which address a pod of this node is seen there; none: what others send is not touched. */
export function masqueradeHops(address: string, from: string, facts: MasqueradeFacts): readonly Hop[] {
  if (!facts.podCIDRs.some((text) => holds(text, from))) return []
  const inside = facts.direct.find((text) => text === address || holds(text, address))
  const detail = !facts.enabled
    ? `off (podNetwork.masquerade): it is seen as ${from}`
    : inside === undefined
      ? 'it leaves the cluster with the node’s address (podNetwork.noMasquerade names what is left out)'
      : `none to ${inside}: it is seen as ${from}`
  return [{ step: 'masquerading', detail, problem: '' }]
}

function routeHop({ destination, gateways, node, from, state, detail }: RouteSnapshot): Hop {
  const to = node === '' ? '' : ` to node ${node}`
  const learned = from.length === 0 ? '' : `, from ${from.join(', ')}`
  return {
    step: 'route',
    detail: `${destination} via ${gateways.join(', ')}${to}${learned} (${state})`,
    problem: state === 'failed' || state === 'pending' ? `it is not in the kernel: ${detail || state}` : '',
  }
}

function holds(prefix: string, address: string): boolean {
  const cidr = parseCidr(prefix)
  return cidr !== undefined && containsAddress(cidr, address)
}

const lengthOf = ({ destination }: RouteSnapshot) => Number(destination.slice(destination.indexOf('/') + 1))
const longestFirst = (a: RouteSnapshot, b: RouteSnapshot) => lengthOf(b) - lengthOf(a)
