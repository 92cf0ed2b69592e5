/** A port of a Service at one of its addresses: what frontends are made for. */

import { familyOf } from '@podroute/address/address.ts'
import type { Service, ServicePort } from '@podroute/cluster/objects/service.ts'
import type { SetElement } from '@podroute/kernel/nft/element.ts'
import { type PortSetName, portElement } from '../rules/sets.ts'
import type { PlanContext } from './context.ts'

/** Endpoints by `address port`, each with the number that stands for it; packets carry it as their mark for a moment. */
export type EndpointNumbers = ReadonlyMap<string, number>

export interface Target {
  readonly service: Service
  /** `port` is the number that clients use. */
  readonly port: ServicePort
  readonly address: string
  readonly context: PlanContext
  /** Of all endpoints of the port; none where IPVS itself keeps clients at their endpoint. */
  readonly numbers: EndpointNumbers
}

/** The element of a set for the address, protocol and port of a target. */
export function elementOf(name: PortSetName, { address, port }: Target): SetElement {
  return portElement(name, familyOf(address), address, port.protocol, port.port)
}
