/** The sets of table `inet podroute-service-proxy` that hold everything that varies from Service to Service. */

import type { Family } from '@podroute/address/address.ts'
import type { Protocol } from '@podroute/cluster/objects/service.ts'
import type { ElementType } from '@podroute/kernel/nft/definition.ts'
import { markText, type SetElement } from '@podroute/kernel/nft/element.ts'

export const TABLE_NAME = 'podroute-service-proxy'
/** Its chains, sets and maps in the table that features of earlier versions shared. */
export const FORMER_RULES = /^(service-[a-z0-9-]+|affinity-(tcp|udp|sctp)-[0-9a-f._]+-\d+(-learn)?)$/
export const TABLE = `inet ${TABLE_NAME}`

/** address . protocol . port of frontends. */
export type PortSetName =
  /** Every frontend on a service address. */
  | 'service-ports'
  /** Those without an endpoint: TCP is reset at once. */
  | 'service-refused'
  /** Those without an endpoint on this node, which may use no other: new clients get no answer. */
  | 'service-dropped'
  /** The same, for clients that are not pods. */
  | 'service-dropped-outside'
  /** Those whose clients are always masqueraded. */
  | 'service-masquerade'
  /** Those whose clients keep their address (externalTrafficPolicy Local). */
  | 'service-direct'
  /** Those that only some clients may use: those of `service-ranges`. */
  | 'service-ranged'

/** Names without the family that is appended to them. */
export type SetName =
  | PortSetName
  /** Addresses of Services: every port of theirs that is not in `service-ports` is refused. */
  | 'service-vips'
  /** address . protocol . port . prefix of clients: loadBalancerSourceRanges. */
  | 'service-ranges'
  /** address . address of local endpoints: one that reaches itself through a Service is masqueraded. */
  | 'service-hairpin'
  /** Prefixes of the cluster's pods. */
  | 'service-pods'
  /** address . protocol . port to the mark that chooses the virtual server for clients outside the cluster. */
  | 'service-marks'
  /** address . protocol . port to the chain that leads clients to the endpoint they had, where IPVS cannot. */
  | 'service-affinity'
  /** The same, to the chain that learns which endpoint IPVS chose. */
  | 'service-affinity-learn'
  /** address . protocol . port . endpoint . its port to a number that stands for that endpoint there. */
  | 'service-affinity-numbers'
  /** The way back: address . protocol . port . number to endpoint . port. */
  | 'service-affinity-endpoints'

export const SET_NAMES: readonly SetName[] = [
  'service-vips',
  'service-ports',
  'service-refused',
  'service-dropped',
  'service-dropped-outside',
  'service-masquerade',
  'service-direct',
  'service-ranged',
  'service-ranges',
  'service-hairpin',
  'service-pods',
  'service-marks',
  'service-affinity',
  'service-affinity-learn',
  'service-affinity-numbers',
  'service-affinity-endpoints',
]

export function setOf(name: SetName, family: Family): string {
  return `${name}-${family}`
}

function elementType(name: SetName, family: Family): ElementType {
  const address = family === 4 ? 'ipv4_addr' : 'ipv6_addr'
  const frontend = [address, 'inet_proto', 'inet_service'] as const
  const endpoint = [address, 'inet_service'] as const
  switch (name) {
    case 'service-vips':
      return { key: [address] }
    case 'service-pods':
      return { key: [address], interval: true }
    case 'service-hairpin':
      return { key: [address, address] }
    case 'service-ranges':
      return { key: [...frontend, address], interval: true }
    case 'service-marks':
      return { key: frontend, value: ['mark'] }
    case 'service-affinity':
    case 'service-affinity-learn':
      return { key: frontend, value: 'verdict' }
    case 'service-affinity-numbers':
      return { key: [...frontend, ...endpoint], value: ['mark'] }
    case 'service-affinity-endpoints':
      return { key: [...frontend, 'mark'], value: endpoint }
    default:
      return { key: frontend }
  }
}

/** All of them by their names. */
export const SETS: Readonly<Record<string, ElementType>> = Object.fromEntries(
  SET_NAMES.flatMap((name) =>
    ([4, 6] as const).map((family) => [setOf(name, family), elementType(name, family)] as const),
  ),
)

export function portElement(
  name: PortSetName,
  family: Family,
  address: string,
  protocol: Protocol,
  port: number,
): SetElement {
  return { set: setOf(name, family), element: `${address} . ${protocol} . ${port}` }
}

export function markElement(
  family: Family,
  address: string,
  protocol: Protocol,
  port: number,
  mark: number,
): SetElement {
  const element = `${address} . ${protocol} . ${port} : ${markText(mark)}`
  return { set: setOf('service-marks', family), element }
}
