// Addresses of a link (linux/if_addr.h), and what is known of its neighbours (linux/neighbour.h).

import { type Address, isV4, lastOf, type Prefix } from '../protocol/address.ts'
import type { Netlink } from './netlink.ts'
import {
  attribute,
  attributes,
  type Bytes,
  bytes,
  bytesOf,
  getU32,
  NLM_F_CREATE,
  NLM_F_EXCL,
  type Request,
  u32,
} from './wire.ts'

const RTM_NEWADDR = 20
const RTM_DELADDR = 21
const RTM_GETADDR = 22
const RTM_DELNEIGH = 29
const NDA_DST = 1
const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const IFA_BROADCAST = 4
const IFA_FLAGS = 8
const IFA_F_DADFAILED = 0x08
const IFA_F_TENTATIVE = 0x40

const AF_UNSPEC = 0
const AF_INET = 2
const AF_INET6 = 10

export const addressFamily = (address: Address) => (isV4(address) ? AF_INET : AF_INET6)

export interface LinkAddress {
  readonly prefix: Prefix
  readonly tentative: boolean
  readonly duplicate: boolean
}

/** struct ifaddrmsg. */
const header = (family: number, length: number, link: number): Bytes =>
  bytes(family, length, 0, 0) + u32(link)

function body(link: number, { address, length }: Prefix): Bytes {
  const value = bytesOf(address)
  return (
    header(addressFamily(address), length, link) + attribute(IFA_LOCAL, value) + attribute(IFA_ADDRESS, value)
  )
}

/** With IPv4's broadcast address where the prefix has one, as the reference plugins set it. */
export function addAddress(link: number, prefix: Prefix): Request {
  const { address, length } = prefix
  const broadcast = isV4(address) && length < 31 ? attribute(IFA_BROADCAST, bytesOf(lastOf(prefix))) : ''
  return { type: RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_EXCL, body: body(link, prefix) + broadcast }
}

export const removeAddress = (link: number, prefix: Prefix): Request => ({
  type: RTM_DELADDR,
  flags: 0,
  body: body(link, prefix),
})

/** struct ndmsg: packets that wait for the neighbour's answer go with what is known of it. */
export const forgetNeighbour = (link: number, address: Address): Request => ({
  type: RTM_DELNEIGH,
  flags: 0,
  body: bytes(addressFamily(address), 0, 0, 0) + u32(link) + u32(0) + attribute(NDA_DST, bytesOf(address)),
})

/** All addresses of a link, both families. */
export function listAddresses(netlink: Netlink, link: number): LinkAddress[] {
  const messages = netlink.dump({ type: RTM_GETADDR, flags: 0, body: header(AF_UNSPEC, 0, link) })
  return messages
    .filter((message) => getU32(message.body, 4) === link)
    .map((message) => {
      const found = attributes(message.body, 8)
      const flags = found.get(IFA_FLAGS)
      const bits = flags === undefined ? message.body[2]! : getU32(flags, 0)
      const address = (found.get(IFA_LOCAL) ?? found.get(IFA_ADDRESS))!.slice()
      return {
        prefix: { address, length: message.body[1]! },
        tentative: (bits & IFA_F_TENTATIVE) !== 0,
        duplicate: (bits & IFA_F_DADFAILED) !== 0,
      }
    })
}
