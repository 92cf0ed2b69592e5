// Routes (linux/rtnetlink.h).

import { type Address, networkOf, type Prefix } from '../protocol/address.ts'
import { addressFamily } from './addresses.ts'
import { findLinkByIndex } from './links.ts'
import type { Netlink } from './netlink.ts'
import {
  attribute,
  attributes,
  type Bytes,
  bytes,
  bytesOf,
  getU32,
  NLM_F_CREATE,
  nested,
  type Request,
  u32,
} from './wire.ts'

const RTM_NEWROUTE = 24
const RTM_GETROUTE = 26
const RTA_DST = 1
const RTA_OIF = 4
const RTA_GATEWAY = 5
const RTA_PRIORITY = 6
const RTA_METRICS = 8
const RTA_TABLE = 15
const RTAX_MTU = 2
const RTAX_ADVMSS = 8

const RT_TABLE_MAIN = 254
const RTPROT_BOOT = 3
const RTN_UNICAST = 1

export interface KernelRoute {
  readonly destination: Prefix
  readonly gateway?: Address | undefined
  readonly link: number
  readonly table?: number | undefined
  readonly scope?: number | undefined
  readonly priority?: number | undefined
  readonly mtu?: number | undefined
  readonly advertisedMss?: number | undefined
}

/** struct rtmsg. */
const header = (family: number, length: number, table: number, scope: number): Bytes =>
  bytes(family, length, 0, 0, table, RTPROT_BOOT, scope, RTN_UNICAST) + u32(0)

const numberAttribute = (type: number, value: number | undefined): Bytes =>
  value === undefined || value === 0 ? '' : attribute(type, u32(value))

export function addRoute(route: KernelRoute): Request {
  const { destination, gateway } = route
  const table = route.table ?? RT_TABLE_MAIN
  const metrics = numberAttribute(RTAX_MTU, route.mtu) + numberAttribute(RTAX_ADVMSS, route.advertisedMss)
  const family = addressFamily(destination.address)
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE, // not exclusive: a destination may have several gateways
    body:
      header(family, destination.length, table > 255 ? 0 : table, route.scope ?? 0) +
      (destination.length === 0 ? '' : attribute(RTA_DST, bytesOf(networkOf(destination)))) +
      (gateway === undefined ? '' : attribute(RTA_GATEWAY, bytesOf(gateway))) +
      attribute(RTA_OIF, u32(route.link)) +
      attribute(RTA_TABLE, u32(table)) +
      numberAttribute(RTA_PRIORITY, route.priority) +
      (metrics === '' ? '' : nested(RTA_METRICS, metrics)),
  }
}

/** The routes of one family, all tables. */
export function listRoutes(netlink: Netlink, family: 4 | 6): KernelRoute[] {
  const size = family === 4 ? 4 : 16
  const request = {
    type: RTM_GETROUTE,
    flags: 0,
    body: bytes(family === 4 ? 2 : 10, 0, 0, 0) + u32(0) + u32(0),
  }
  return netlink.dump(request).map((message) => {
    const found = attributes(message.body, 12)
    const number = (type: number) => {
      const value = found.get(type)
      return value === undefined ? 0 : getU32(value, 0)
    }
    return {
      destination: {
        address: (found.get(RTA_DST) ?? new Uint8Array(size)).slice(),
        length: message.body[1]!,
      },
      gateway: found.get(RTA_GATEWAY)?.slice(),
      link: number(RTA_OIF),
      table: number(RTA_TABLE) || message.body[4]!,
      scope: message.body[6]!,
      priority: number(RTA_PRIORITY),
    }
  })
}

/** Name of the link by which the host reaches the address; undefined when it does not. */
export function routeLink(netlink: Netlink, address: Address): string | undefined {
  const request: Request = {
    type: RTM_GETROUTE,
    flags: 0,
    body:
      bytes(addressFamily(address), address.length * 8, 0, 0) +
      u32(0) +
      u32(0) +
      attribute(RTA_DST, bytesOf(address)),
  }
  const [reply] = netlink.exchange([request])
  const link = reply!.messages[0] && attributes(reply!.messages[0].body, 12).get(RTA_OIF)
  return link === undefined ? undefined : findLinkByIndex(netlink, getU32(link, 0))?.name
}
