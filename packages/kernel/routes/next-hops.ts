/** The ways that a route has: one next hop, or several of equal cost (ECMP). */
import type { NextHop, Route } from '@podroute/linux/route/route-message.ts'

/** Empty for a route that leads nowhere, or to an interface alone. */
export function gatewaysOf({ gateway, nextHops }: Pick<Route, 'gateway' | 'nextHops'>): readonly string[] {
  if (gateway !== undefined) return [gateway]
  return (nextHops ?? []).flatMap((hop) => hop.gateway ?? [])
}

/** Whether two routes go the same ways, whatever their order: IPv6 lists those that were added last where it likes. */
export function sameNextHops(a: Route, b: Route): boolean {
  if (a.nextHops === undefined && b.nextHops === undefined) return sameHop(a, b)
  const [first, second] = [hopsOf(a), hopsOf(b)]
  return first.length === second.length && first.every((hop) => second.some((other) => sameHop(hop, other)))
}

function hopsOf({ nextHops, gateway, interfaceIndex }: Route): readonly Partial<NextHop>[] {
  if (nextHops) return nextHops
  return [
    {
      ...(gateway === undefined ? {} : { gateway }),
      ...(interfaceIndex === undefined ? {} : { interfaceIndex }),
    },
  ]
}

/** By its gateway; a link-local one is another on each interface. The kernel fills in the interface of others. */
function sameHop(a: Partial<NextHop>, b: Partial<NextHop>): boolean {
  if (a.gateway !== b.gateway) return false
  if (a.gateway?.startsWith('fe80:') !== true) return true
  return (
    a.interfaceIndex === undefined || b.interfaceIndex === undefined || a.interfaceIndex === b.interfaceIndex
  )
}
