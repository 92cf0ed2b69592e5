/** Which interfaces of a node are which places on the way of a packet. Pure. */
import type { Link } from '@podroute/linux/route/links.ts'
import type { Place } from './captured.ts'

/** As much of a link as tells. */
export type PlacedLink = Pick<Link, 'index' | 'name' | 'kind' | 'loopback' | 'master'>

/** A veth that is a port of a bridge is a pod's; others lead elsewhere, as hardware does. */
export function placeOf({ kind, loopback, master }: PlacedLink): Place {
  if (loopback) return 'loopback'
  if (kind === 'bridge') return 'bridge'
  return kind === 'veth' && master !== 0 ? 'pod' : 'uplink'
}

/** `3 pods, bridge kube-bridge, uplink eth0, loopback lo` */
export function placesText(links: readonly PlacedLink[]): string {
  const of = (place: Place) => links.filter((link) => placeOf(link) === place).map(({ name }) => name)
  const pods = of('pod')
  const each = (['bridge', 'uplink', 'loopback'] as const).flatMap((place) =>
    of(place).map((name) => `${place} ${name}`),
  )
  return [`${pods.length} ${pods.length === 1 ? 'pod' : 'pods'}`, ...each].join(', ')
}
