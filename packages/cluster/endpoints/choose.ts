/** Which endpoints of a Service's slices take traffic for one of its ports: whoever serves Services and whoever announces them ask here. */
import type { Family } from '@podroute/address/address.ts'
import type { Endpoint, Slice } from '../objects/endpoint-slice.ts'
import type { ServicePort, TrafficPolicy } from '../objects/service.ts'

/** One address and port, with what its slice says of it. */
export interface Backend {
  readonly address: string
  readonly port: number
  readonly endpoint: Endpoint
  /** On this node. */
  readonly local: boolean
}

/** The node on which the choice is made. */
export interface NodeTopology {
  readonly nodeName: string
  /** Empty: not known. */
  readonly zone: string
}

/**
 * All endpoints of one family behind a port, each address and port once. The slice's port of the same name and protocol
 * names the number: the control plane has resolved targetPort there, Pod by Pod. Where slices disagree, one that says local wins.
 */
export function backendsOf(
  slices: readonly Slice[],
  family: Family,
  port: ServicePort,
  nodeName: string,
): readonly Backend[] {
  const found = new Map<string, Backend>()
  for (const slice of slices) {
    if (slice.family !== family) continue
    const match = slice.ports.find((p) => p.name === port.name && p.protocol === port.protocol)
    if (!match) continue
    for (const endpoint of slice.endpoints) {
      const key = `${endpoint.address} ${match.port}`
      const local = endpoint.nodeName !== '' && endpoint.nodeName === nodeName
      const before = found.get(key)
      if (before && (before.local || !local) && isBetterState(before.endpoint, endpoint)) continue
      found.set(key, { address: endpoint.address, port: match.port, endpoint, local })
    }
  }
  return [...found.values()]
}

/** While a Pod moves from one slice to another, both may show it; the more useful state counts. */
function isBetterState(a: Endpoint, b: Endpoint): boolean {
  return Number(a.ready) * 2 + Number(a.serving) >= Number(b.ready) * 2 + Number(b.serving)
}

/**
 * The ready ones, of the whole cluster those that topology hints give to this node; where none is ready, those that still
 * serve while they terminate (KEP-1669).
 */
export function choose(
  backends: readonly Backend[],
  policy: TrafficPolicy,
  node: NodeTopology,
): readonly Backend[] {
  const candidates = policy === 'local' ? backends.filter((backend) => backend.local) : backends
  const ready = candidates.filter(({ endpoint }) => endpoint.ready)
  if (ready.length > 0) return policy === 'local' ? ready : hinted(ready, node)
  return candidates.filter(({ endpoint }) => endpoint.serving && endpoint.terminating)
}

/**
 * Hints count only when every ready endpoint carries one and one of them is for us, node before zone: otherwise the control plane
 * and this node do not see the same thing, and part of the endpoints would get all of the traffic (KEP-2433, KEP-4444).
 */
function hinted(ready: readonly Backend[], { nodeName, zone }: NodeTopology): readonly Backend[] {
  for (const [kind, name] of [
    ['nodes', nodeName],
    ['zones', zone],
  ] as const) {
    if (name === '' || ready.some(({ endpoint }) => endpoint[kind].length === 0)) continue
    const ours = ready.filter(({ endpoint }) => endpoint[kind].includes(name))
    if (ours.length > 0) return ours
  }
  return ready
}
