/**
 * Routes to and from rtnetlink messages (struct rtmsg and RTA attributes). Pure.
 *
 * ```
 *  0        1       2       3     4       5          6       7      8       12
 * +--------+-------+-------+-----+-------+----------+-------+------+-------+------------+
 * | family | dst   | src   | tos | table | protocol | scope | type | flags | attributes |
 * |        | bits  | bits  |     |       |          |       |      |       |            |
 * +--------+-------+-------+-----+-------+----------+-------+------+-------+------------+
 * ```
 */
import { formatPrefix, parseAddress, parsePrefix } from '@podroute/address/address.ts'
import { readIp } from '../netlink/ip.ts'
import {
  beginAttribute,
  endAttribute,
  type Message,
  putAttribute,
  putBytes,
  putU16,
  putU32Attribute,
  readAttributes,
  readU8,
  readU16,
  readU32,
  reserve,
  type Writer,
} from '../netlink/wire.ts'
import { addressFamily, ipFamily } from './rtnetlink.ts'

export type RouteType = 'unicast' | 'local' | 'blackhole' | 'unreachable'

export interface Route {
  readonly family: 4 | 6
  /** Canonical CIDR: `10.1.0.0/24`, `fd00::/64`. */
  readonly destination: string
  /** Next hop; of the other family with RFC 5549 style routes (RTA_VIA). */
  readonly gateway?: string
  /** Of a route over several next hops, which has neither `gateway` nor `interfaceIndex` then. */
  readonly nextHops?: readonly NextHop[]
  /** RTA_NH_ID: the next hop object that says its ways. Where it is written, nothing else of the route does. */
  readonly nextHopId?: number
  readonly interfaceIndex?: number
  /** 254 main, 255 local. */
  readonly table: number
  /** Who put it there (RTPROT). */
  readonly protocol: number
  /** 0 universe, 253 link, 254 host. */
  readonly scope: number
  readonly type: RouteType
  /** RTA_PREFSRC: the address that the node itself uses towards it. */
  readonly source?: string
  /** Metric. The kernel turns an absent one of IPv6 into 1024. */
  readonly priority?: number
}

export interface NextHop {
  readonly gateway?: string
  /** Absent in what is written: the kernel finds the interface that leads to the gateway. */
  readonly interfaceIndex?: number
}

const RTA_DST = 1
const RTA_OIF = 4
const RTA_GATEWAY = 5
const RTA_PRIORITY = 6
const RTA_PREFSRC = 7
const RTA_MULTIPATH = 9
const RTA_TABLE = 15
const RTA_VIA = 18
const RTA_NH_ID = 30

const RTMSG_LENGTH = 12

const TYPES: Readonly<Record<RouteType, number>> = { unicast: 1, local: 2, blackhole: 6, unreachable: 7 }
const TYPE_NAMES = new Map<number, RouteType>([
  [1, 'unicast'],
  [2, 'local'],
  [6, 'blackhole'],
  [7, 'unreachable'],
])

/** @throws AddressError */
export function writeRoute(w: Writer, route: Route): void {
  const prefix = parsePrefix(route.destination)
  const at = reserve(w, RTMSG_LENGTH)
  w.bytes[at] = addressFamily(route.family)
  w.bytes[at + 1] = prefix.length
  w.bytes[at + 4] = route.table < 256 ? route.table : 0
  w.bytes[at + 5] = route.protocol
  w.bytes[at + 6] = route.scope
  w.bytes[at + 7] = TYPES[route.type]
  putAttribute(w, RTA_DST, prefix.bytes)
  if (route.table > 255) putU32Attribute(w, RTA_TABLE, route.table)
  if (route.nextHopId === undefined) putWays(w, route)
  else putU32Attribute(w, RTA_NH_ID, route.nextHopId)
  if (route.source !== undefined) putAttribute(w, RTA_PREFSRC, parseAddress(route.source))
  if (route.priority !== undefined) putU32Attribute(w, RTA_PRIORITY, route.priority)
}

function putWays(w: Writer, { family, gateway, nextHops, interfaceIndex }: Route): void {
  if (gateway !== undefined) putGateway(w, family, parseAddress(gateway))
  if (nextHops !== undefined) putNextHops(w, family, nextHops)
  if (interfaceIndex !== undefined) putU32Attribute(w, RTA_OIF, interfaceIndex)
}

function putGateway(w: Writer, family: 4 | 6, gateway: Uint8Array): void {
  const own = gateway.length === 16 ? 6 : 4
  if (own === family) {
    putAttribute(w, RTA_GATEWAY, gateway)
    return
  }
  // struct rtvia: family and address. IPv4 over an IPv6 next hop.
  const start = beginAttribute(w, RTA_VIA)
  putU16(w, addressFamily(own))
  putBytes(w, gateway)
  endAttribute(w, start)
}

/**
 * For IPv6 as well: a route that is made of single ones (NLM_F_APPEND) is another one for a moment at each of them, and one that is
 * replaced by the first of them has lost the others until then.
 */
function putNextHops(w: Writer, family: 4 | 6, hops: readonly NextHop[]): void {
  const start = beginAttribute(w, RTA_MULTIPATH)
  for (const { gateway, interfaceIndex } of hops) {
    const at = reserve(w, RTNEXTHOP_LENGTH)
    w.view.setUint32(at + 4, interfaceIndex ?? 0, true)
    if (gateway !== undefined) putGateway(w, family, parseAddress(gateway))
    w.view.setUint16(at, w.length - at, true)
  }
  endAttribute(w, start)
}

/** What a dump or a deletion goes by. */
export interface RouteFilter {
  readonly family?: 4 | 6
  readonly table?: number
  readonly protocol?: number
  /** Left out: cheaply, before they are read. */
  readonly notProtocol?: number
}

/** The header of a dump request; with strict checking the kernel filters by it. */
export function writeRouteFilter(w: Writer, family: 4 | 6, filter: RouteFilter): void {
  const at = reserve(w, RTMSG_LENGTH)
  w.bytes[at] = addressFamily(family)
  w.bytes[at + 5] = filter.protocol ?? 0
  if (filter.table !== undefined) {
    w.bytes[at + 4] = filter.table < 256 ? filter.table : 0
    putU32Attribute(w, RTA_TABLE, filter.table)
  }
}

const RTM_F_FIB_MATCH = 0x2000

/** A lookup for one address, as the kernel would route it, answered by the matching route itself. */
export function writeRouteLookup(w: Writer, address: Uint8Array): void {
  const at = reserve(w, RTMSG_LENGTH)
  w.bytes[at] = addressFamily(address.length === 16 ? 6 : 4)
  w.bytes[at + 1] = address.length * 8
  w.view.setUint32(at + 8, RTM_F_FIB_MATCH, true)
  putAttribute(w, RTA_DST, address)
}

/**
 * The route of an RTM_NEWROUTE or RTM_DELROUTE; undefined for what Route cannot say: other families and types (multicast,
 * broadcast, throw), cloned cache entries.
 * @throws WireError
 */
export function readRoute(message: Message): Route | undefined {
  const { payload } = message
  const family = ipFamily(readU8(payload, 0))
  const type = TYPE_NAMES.get(readU8(payload, 7))
  const cloned = readU32(payload, 8) & RTM_F_CLONED
  if (family === undefined || type === undefined || cloned) return undefined
  const attributes = readAttributes(payload, RTMSG_LENGTH)
  const gateway = gatewayIn(attributes)
  const hops = attributes.get(RTA_MULTIPATH)
  const source = attributes.get(RTA_PREFSRC)
  const object = attributes.get(RTA_NH_ID)
  const device = attributes.get(RTA_OIF)
  const priority = attributes.get(RTA_PRIORITY)
  const table = attributes.get(RTA_TABLE)
  return {
    family,
    destination: formatPrefix(family, attributes.get(RTA_DST), readU8(payload, 1)),
    table: table ? readU32(table, 0) : readU8(payload, 4),
    protocol: readU8(payload, 5),
    scope: readU8(payload, 6),
    type,
    ...(gateway !== undefined && { gateway }),
    ...(hops && { nextHops: readNextHops(hops) }),
    ...(object && { nextHopId: readU32(object, 0) }),
    ...(device && { interfaceIndex: readU32(device, 0) }),
    ...(source && { source: readIp(source) }),
    ...(priority && { priority: readU32(priority, 0) }),
  }
}

const RTNEXTHOP_LENGTH = 8

/** Several struct rtnexthop (length, flags, weight, interface), each followed by its attributes. */
function readNextHops(bytes: Uint8Array): NextHop[] {
  const hops: NextHop[] = []
  for (let at = 0; at + RTNEXTHOP_LENGTH <= bytes.length; ) {
    const length = readU16(bytes, at)
    if (length < RTNEXTHOP_LENGTH) break
    const gateway = gatewayIn(readAttributes(bytes.subarray(at, at + length), RTNEXTHOP_LENGTH))
    hops.push({ interfaceIndex: readU32(bytes, at + 4), ...(gateway !== undefined && { gateway }) })
    at += (length + 3) & ~3
  }
  return hops
}

function gatewayIn(attributes: ReadonlyMap<number, Uint8Array>): string | undefined {
  const gateway = attributes.get(RTA_GATEWAY) ?? attributes.get(RTA_VIA)?.subarray(2)
  return gateway && readIp(gateway)
}

const RTM_F_CLONED = 0x200
