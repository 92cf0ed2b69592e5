/** `podroute way`: what becomes on this node of a packet to a Service or an address, hop by hop, as each feature says of its own. */
import { canonicalAddress } from '@podroute/address/address.ts'
import type { ServiceKey } from '@podroute/cluster/objects/service.ts'
import type { ClusterView } from '@podroute/cluster/state.ts'
import type { Hop, HopsTo, Page } from '@podroute/feature/page.ts'
import type { RunningFeature } from '../running-features.ts'

export interface WayHop extends Hop {
  readonly feature: string
  /** Behind how many forks. */
  readonly depth: number
}

export interface WayReport {
  readonly to: string
  readonly hops: readonly WayHop[]
}

/** A Service may lead to another one's address; nobody leads further. */
const DEEPEST = 3

export function wayPage(
  features: () => readonly Pick<RunningFeature, 'name' | 'feature'>[],
  services: Pick<ClusterView['services'], 'get'>,
): Page<WayReport> {
  const follow = (to: HopsTo, depth: number): readonly WayHop[] =>
    features().flatMap(({ name, feature }) =>
      (feature.hops?.(to) ?? []).flatMap((hop) => [
        { ...hop, feature: name, depth },
        ...(depth < DEEPEST ? (hop.next ?? []).flatMap((next) => follow(next, depth + 1)) : []),
      ]),
    )
  return {
    name: 'way',
    summary: 'the way of a packet from this node to a Service or an address, hop by hop, and why it ends',
    arguments: [
      {
        ...{ name: 'to', kind: 'argument', required: true },
        summary:
          'an address, or namespace/name of a Service; with a port: 10.96.0.1:443, [fd10::1]:443, default/web:80',
      },
    ],
    data({ to = '' } = {}) {
      const ends = endsOf(to, services)
      return { to, hops: ends.flatMap((end) => follow(end, 0)) }
    },
    tables: ({ hops }) => [
      {
        columns: ['STEP', 'WHAT', 'WHY NOT'],
        rows: hops.map(({ depth, step, detail, problem }) => [
          `${'  '.repeat(depth)}${step}`,
          detail,
          problem,
        ]),
        empty: 'podroute has nothing to do with this address: the routes of the node decide (ip route get)',
      },
    ],
  }
}

/** @throws Error that says what it could be */
function endsOf(text: string, services: Pick<ClusterView['services'], 'get'>): readonly HopsTo[] {
  const whole = canonicalAddress(text)
  if (whole !== undefined) return [{ address: whole, port: undefined }]
  const [, bracketed, plain = '', digits] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? []
  const port = digits === undefined ? undefined : Number(digits)
  const address = canonicalAddress(bracketed ?? plain)
  if (address !== undefined) return [{ address, port }]
  const service = services.get(plain as ServiceKey)
  if (!service) throw new Error(`no address, and no Service of the cluster: ${text}`)
  return service.clusterIPs.map((clusterIP) => ({ address: clusterIP, port }))
}
