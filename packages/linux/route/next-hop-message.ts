/**
 * Next hop objects to and from rtnetlink messages (struct nhmsg and NHA attributes of include/uapi/linux/nexthop.h). Pure.
 *
 * ```
 *  0        1       2          3          4       8
 * +--------+-------+----------+----------+-------+------------+
 * | family | scope | protocol | reserved | flags | attributes |
 * +--------+-------+----------+----------+-------+------------+
 * ```
 */
import { parseAddress } from '@podroute/address/address.ts'
import { readIp } from '../netlink/ip.ts'
import {
  beginAttribute,
  endAttribute,
  type Message,
  putAttribute,
  putNested,
  putU8,
  putU16,
  putU16Attribute,
  putU32,
  putU32Attribute,
  readAttributes,
  readU8,
  readU32,
  reserve,
  type Writer,
} from '../netlink/wire.ts'
import { addressFamily } from './rtnetlink.ts'

/** One way, or a group of them over which flows are spread so that they stay where they are (a resilient one). */
export type NextHopObject = SingleNextHop | NextHopGroup

interface Owned {
  readonly id: number
  /** Who made it (RTPROT). */
  readonly protocol: number
}

export interface SingleNextHop extends Owned {
  readonly kind: 'single'
  readonly gateway: string
  readonly interfaceIndex: number
}

export interface NextHopGroup extends Owned {
  readonly kind: 'group'
  /** Of the single ones. */
  readonly members: readonly number[]
}

const NHA_ID = 1
const NHA_GROUP = 2
const NHA_GROUP_TYPE = 3
const NHA_OIF = 5
const NHA_GATEWAY = 6
const NHA_RES_GROUP = 12
const NHA_RES_GROUP_BUCKETS = 1

/** NEXTHOP_GRP_TYPE_RES: a table of buckets, of which those of a way that goes are given to others, and no other one is (Linux 5.13). */
const RESILIENT = 1
/** Flows share buckets. One without packets for two minutes (the kernel's default) may be given to a way that comes. */
const BUCKETS = 128
const NHMSG_LENGTH = 8
/** struct nexthop_grp: ID, weight less one, and padding. */
const GROUP_ENTRY_LENGTH = 8

/** @throws AddressError */
export function writeNextHop(w: Writer, object: NextHopObject): void {
  const at = reserve(w, NHMSG_LENGTH)
  w.bytes[at + 2] = object.protocol
  putU32Attribute(w, NHA_ID, object.id)
  if (object.kind === 'group') {
    putGroup(w, object.members)
    return
  }
  const gateway = parseAddress(object.gateway)
  w.bytes[at] = addressFamily(gateway.length === 16 ? 6 : 4)
  putU32Attribute(w, NHA_OIF, object.interfaceIndex)
  putAttribute(w, NHA_GATEWAY, gateway)
}

function putGroup(w: Writer, members: readonly number[]): void {
  const start = beginAttribute(w, NHA_GROUP)
  for (const id of members) {
    putU32(w, id)
    putU8(w, 0)
    putU8(w, 0)
    putU16(w, 0)
  }
  endAttribute(w, start)
  putU16Attribute(w, NHA_GROUP_TYPE, RESILIENT)
  putNested(w, NHA_RES_GROUP, (inner) => putU16Attribute(inner, NHA_RES_GROUP_BUCKETS, BUCKETS))
}

/** To name one that is to be removed. */
export function writeNextHopId(w: Writer, id: number): void {
  reserve(w, NHMSG_LENGTH)
  putU32Attribute(w, NHA_ID, id)
}

export function writeNextHopQuery(w: Writer): void {
  reserve(w, NHMSG_LENGTH)
}

/** Undefined for what NextHopObject cannot say: those without a gateway. @throws WireError */
export function readNextHop({ payload }: Message): NextHopObject | undefined {
  const protocol = readU8(payload, 2)
  const attributes = readAttributes(payload, NHMSG_LENGTH)
  const number = attributes.get(NHA_ID)
  if (!number) return undefined
  const id = readU32(number, 0)
  const group = attributes.get(NHA_GROUP)
  if (group) return { kind: 'group', id, protocol, members: readMembers(group) }
  const [gateway, device] = [attributes.get(NHA_GATEWAY), attributes.get(NHA_OIF)]
  if (!gateway || !device) return undefined
  return { kind: 'single', id, protocol, gateway: readIp(gateway), interfaceIndex: readU32(device, 0) }
}

function readMembers(bytes: Uint8Array): number[] {
  const count = Math.floor(bytes.length / GROUP_ENTRY_LENGTH)
  return Array.from({ length: count }, (_, index) => readU32(bytes, index * GROUP_ENTRY_LENGTH))
}
