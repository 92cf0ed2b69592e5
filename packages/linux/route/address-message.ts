/**
 * Addresses of interfaces to and from rtnetlink messages (struct ifaddrmsg and IFA attributes). Pure.
 *
 * ```
 *  0        1        2       3       4       8
 * +--------+--------+-------+-------+-------+------------+
 * | family | prefix | flags | scope | index | attributes |
 * +--------+--------+-------+-------+-------+------------+
 * ```
 */
import { parseAddress } from '@podroute/address/address.ts'
import { readIp } from '../netlink/ip.ts'
import {
  type Message,
  putAttribute,
  putU32Attribute,
  readAttributes,
  readU8,
  readU32,
  reserve,
  type Writer,
} from '../netlink/wire.ts'
import { addressFamily, ipFamily } from './rtnetlink.ts'

const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const IFA_FLAGS = 8
const IFADDR_LENGTH = 8

/** No duplicate address detection: the address is usable at once. */
export const IFA_F_NODAD = 0x2

export interface Address {
  readonly interfaceIndex: number
  readonly family: 4 | 6
  readonly address: string
  readonly prefixLength: number
  /** 0 universe, 253 link, 254 host. */
  readonly scope: number
  /** IFA_F_*; absent in what is added: none. */
  readonly flags?: number
}

/** @throws AddressError */
export function writeAddress(w: Writer, address: Address): void {
  const bytes = parseAddress(address.address)
  const at = reserve(w, IFADDR_LENGTH)
  w.bytes[at] = addressFamily(address.family)
  w.bytes[at + 1] = address.prefixLength
  w.bytes[at + 3] = address.scope
  w.view.setUint32(at + 4, address.interfaceIndex, true)
  putAttribute(w, IFA_LOCAL, bytes)
  putAttribute(w, IFA_ADDRESS, bytes)
  if (address.flags) putU32Attribute(w, IFA_FLAGS, address.flags)
}

/** The header of a dump; with strict checking the kernel filters by it. */
export function writeAddressQuery(w: Writer, family: 4 | 6 | undefined, interfaceIndex: number): void {
  const at = reserve(w, IFADDR_LENGTH)
  w.bytes[at] = family ? addressFamily(family) : 0
  w.view.setUint32(at + 4, interfaceIndex, true)
}

/** The address of an RTM_NEWADDR or RTM_DELADDR; undefined for another family. @throws WireError */
export function readAddress(message: Message): Address | undefined {
  const { payload } = message
  const family = ipFamily(readU8(payload, 0))
  if (family === undefined) return undefined
  const attributes = readAttributes(payload, IFADDR_LENGTH)
  // On a point-to-point link IFA_ADDRESS is the peer; IFA_LOCAL, where it is there, is always ours.
  const own = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS)
  if (!own) return undefined
  const flags = attributes.get(IFA_FLAGS)
  return {
    interfaceIndex: readU32(payload, 4),
    family,
    address: readIp(own),
    prefixLength: readU8(payload, 1),
    scope: readU8(payload, 3),
    flags: flags ? readU32(flags, 0) : readU8(payload, 2),
  }
}
