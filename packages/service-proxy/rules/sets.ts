/** The sets of table `inet podroute` that hold everything that varies from Service to Service. */
import type { Family } from '@podroute/address/address.ts'
import type { Protocol } from '@podroute/cluster/objects/service.ts'

export const TABLE_NAME = 'podroute'
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

const MAPS: ReadonlySet<SetName> = new Set([
  'service-marks',
  'service-affinity',
  'service-affinity-learn',
  'service-affinity-numbers',
  'service-affinity-endpoints',
])

export interface SetElement {
  /** `service-ports-4` */
  readonly set: string
  /** nft syntax: `10.96.0.1 . tcp . 80`; with a value, `10.96.0.1 . tcp . 80 : 0x5d000001`. */
  readonly element: string
}

export function setOf(name: SetName, family: Family): string {
  return `${name}-${family}`
}

/** Of elements with a value nft makes maps. */
export function setKind(name: SetName): 'set' | 'map' {
  return MAPS.has(name) ? 'map' : 'set'
}

/** What a key or a value is made of, by nft's names. */
export type ElementField = 'ipv4_addr' | 'ipv6_addr' | 'inet_proto' | 'inet_service' | 'mark'

export interface ElementType {
  readonly key: readonly ElementField[]
  /** Of maps. */
  readonly value: readonly ElementField[] | 'verdict' | undefined
  /** The last field of a key may be a prefix. */
  readonly interval: boolean
}

export function elementType(name: SetName, family: Family): ElementType {
  const address = family === 4 ? 'ipv4_addr' : 'ipv6_addr'
  const frontend = [address, 'inet_proto', 'inet_service'] as const
  const endpoint = [address, 'inet_service'] as const
  const plain = { value: undefined, interval: false }
  switch (name) {
    case 'service-vips':
      return { ...plain, key: [address] }
    case 'service-pods':
      return { ...plain, key: [address], interval: true }
    case 'service-hairpin':
      return { ...plain, key: [address, address] }
    case 'service-ranges':
      return { ...plain, key: [...frontend, address], interval: true }
    case 'service-marks':
      return { ...plain, key: frontend, value: ['mark'] }
    case 'service-affinity':
    case 'service-affinity-learn':
      return { ...plain, key: frontend, value: 'verdict' }
    case 'service-affinity-numbers':
      return { ...plain, key: [...frontend, ...endpoint], value: ['mark'] }
    case 'service-affinity-endpoints':
      return { ...plain, key: [...frontend, 'mark'], value: endpoint }
    default:
      return { ...plain, key: frontend }
  }
}

/** Type of the elements in nft syntax. */
export function setType(name: SetName, family: Family): string {
  const { key, value, interval } = elementType(name, family)
  const values = value === undefined ? '' : ` : ${value === 'verdict' ? value : value.join(' . ')}`
  return `type ${key.join(' . ')}${values};${interval ? ' flags interval;' : ''}`
}

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

export function markText(mark: number): string {
  return `0x${mark.toString(16).padStart(8, '0')}`
}

export type ElementKey = string

/** As the kernel knows it: without its value, if it has one. */
export function elementKey({ set, element }: SetElement): ElementKey {
  const end = element.indexOf(VALUE)
  return `${set} ${end < 0 ? element : element.slice(0, end)}`
}

const VALUE = ' : '

export function hasValue({ element }: SetElement): boolean {
  return element.includes(VALUE)
}
