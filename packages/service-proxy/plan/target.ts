/** From an address, a port and its endpoints to a frontend: what all rule families share. */
import { familyOf } from '@podroute/linux/address.ts'
import type { VirtualServer } from '../kernel.ts'
import type { SetElement } from '../rules/sets.ts'
import { portElement, setOf } from '../rules/sets.ts'
import type { Family, Service, ServicePort } from '../types.ts'
import type { PlanContext } from './context.ts'
import type { Backend } from './endpoints.ts'
import type { Frontend, Origin } from './frontend.ts'
import { FLAG_OURS, serverKey } from './frontend.ts'

export interface Target {
  readonly service: Service
  /** `port` is the number that clients use. */
  readonly port: ServicePort
  readonly address: string
  readonly context: PlanContext
}

export function makeFrontend(origin: Origin, target: Target, backends: readonly Backend[]): Frontend {
  const { port, address, context } = target
  const family: Family = familyOf(address)
  const server: VirtualServer = {
    family,
    protocol: port.protocol,
    address,
    port: port.port,
    scheduler: 'rr',
    flags: FLAG_OURS,
    timeout: 0,
  }
  const vip = context.nodeAddresses.has(address) ? undefined : address
  return {
    key: serverKey(server),
    origin,
    portName: port.name,
    server,
    destinations: backends.map(toDestination),
    elements: [
      ...vipElements(vip, server),
      ...hairpinElements(family, backends),
      ...(backends.length === 0
        ? [portElement('service-refused', family, address, port.protocol, port.port)]
        : []),
    ],
    vip,
  }
}

function toDestination(backend: Backend): Frontend['destinations'][number] {
  return { address: backend.address, port: backend.port, weight: 1, forwarding: 'masquerade' }
}

/** The node's own addresses have ports of their own: nothing is refused there. */
function vipElements(vip: string | undefined, server: VirtualServer): SetElement[] {
  if (vip === undefined) return []
  const { family, protocol, port } = server
  return [
    { set: setOf('service-vips', family), element: vip },
    portElement('service-ports', family, vip, protocol, port),
  ]
}

/** Only an endpoint on this node can reach itself through this node. */
function hairpinElements(family: Family, backends: readonly Backend[]): SetElement[] {
  const local = new Set(backends.filter((backend) => backend.local).map(({ address }) => address))
  return [...local].map((address) => ({
    set: setOf('service-hairpin', family),
    element: `${address} . ${address}`,
  }))
}
