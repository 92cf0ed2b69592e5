/** The sets of table `inet podroute` that hold everything that varies from Service to Service. */
import type { Family, Protocol } from '../types.ts'

export const TABLE = 'inet podroute'

/** Names without the family that is appended to them. */
export type SetName =
  /** Addresses of Services: every port of theirs that is not in `service-ports` is refused. */
  | 'service-vips'
  /** address . protocol . port of every frontend on such an address. */
  | 'service-ports'
  /** address . protocol . port without an endpoint: TCP is reset at once. */
  | 'service-refused'
  /** address . protocol . port whose clients are always masqueraded. */
  | 'service-masquerade'
  /** address . address of local endpoints: one that reaches itself through a Service is masqueraded. */
  | 'service-hairpin'
  /** Prefixes of the cluster's pods. */
  | 'service-pods'

export const SET_NAMES: readonly SetName[] = [
  'service-vips',
  'service-ports',
  'service-refused',
  'service-masquerade',
  'service-hairpin',
  'service-pods',
]

export interface SetElement {
  /** `service-ports-4` */
  readonly set: string
  /** nft syntax: `10.96.0.1 . tcp . 80`. */
  readonly element: string
}

export function setOf(name: SetName, family: Family): string {
  return `${name}-${family}`
}

/** Type of the elements in nft syntax. */
export function setType(name: SetName, family: Family): string {
  const address = family === 4 ? 'ipv4_addr' : 'ipv6_addr'
  switch (name) {
    case 'service-vips':
      return `type ${address};`
    case 'service-pods':
      return `type ${address}; flags interval;`
    case 'service-hairpin':
      return `type ${address} . ${address};`
    case 'service-ports':
    case 'service-refused':
    case 'service-masquerade':
      return `type ${address} . inet_proto . inet_service;`
  }
}

export function portElement(
  name: 'service-ports' | 'service-refused' | 'service-masquerade',
  family: Family,
  address: string,
  protocol: Protocol,
  port: number,
): SetElement {
  return { set: setOf(name, family), element: `${address} . ${protocol} . ${port}` }
}

export type ElementKey = string

export function elementKey(element: SetElement): ElementKey {
  return `${element.set} ${element.element}`
}
