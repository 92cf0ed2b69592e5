// Links: bridges, veth pairs, bridge ports (linux/if_link.h).

import type { Netlink } from './netlink.ts'
import {
  attribute,
  attributes,
  type Bytes,
  bytes,
  bytesOf,
  cString,
  getI32,
  getString,
  getU32,
  group,
  type Message,
  NLM_F_CREATE,
  NLM_F_EXCL,
  type Request,
  u32,
  wanted,
} from './wire.ts'

const RTM_NEWLINK = 16
const RTM_DELLINK = 17
const RTM_GETLINK = 18

const IFLA_ADDRESS = 1
const IFLA_IFNAME = 3
const IFLA_MTU = 4
const IFLA_LINK = 5
const IFLA_MASTER = 10
const IFLA_OPERSTATE = 16
const IFLA_LINKINFO = 18
const IFLA_IFALIAS = 20
const IFLA_AF_SPEC = 26
const IFLA_NET_NS_FD = 28
const IFLA_EXT_MASK = 29
const IFLA_PROMISCUITY = 30
const IFLA_INFO_KIND = 1
const IFLA_INFO_DATA = 2
const IFLA_INFO_SLAVE_KIND = 4
const IFLA_INFO_SLAVE_DATA = 5
const VETH_INFO_PEER = 1
const IFLA_BR_VLAN_FILTERING = 7
const IFLA_BR_MULTI_BOOLOPT = 46
/** BR_BOOLOPT_NO_LL_LEARN: a frame to a link-local group, such as LLDP's, moves no hardware address to another port. */
const NO_LINK_LOCAL_LEARNING = 1
const AF_INET6 = 10
const IFLA_INET6_ADDR_GEN_MODE = 8
const IN6_ADDR_GEN_MODE_EUI64 = 0
const IFLA_BRPORT_MODE = 4
const IFLA_BRPORT_ISOLATED = 33

/** Those that `readLink` reads. */
const LINK_ATTRIBUTES = wanted(
  IFLA_ADDRESS,
  IFLA_IFNAME,
  IFLA_MTU,
  IFLA_LINK,
  IFLA_MASTER,
  IFLA_OPERSTATE,
  IFLA_LINKINFO,
  IFLA_IFALIAS,
  IFLA_PROMISCUITY,
)

const RTEXT_FILTER_SKIP_STATS = 8

const IFF_UP = 0x1
const IFF_PROMISC = 0x100
const IF_OPER_UP = 6

export interface Link {
  readonly index: number
  readonly name: string
  readonly mac: Uint8Array
  readonly mtu: number
  readonly up: boolean
  /** Up and, for a bridge port, with carrier. */
  readonly operational: boolean
  readonly promiscuous: boolean
  /** 'bridge', 'veth', …; empty for lo and hardware. */
  readonly kind: string
  /** Index of the bridge that it is a port of; 0 when none. */
  readonly master: number
  /** Of a veth: the index of its other end, in that one's namespace. */
  readonly peer: number
  readonly alias: string
}

/** struct ifinfomsg. */
const header = (index = 0, flags = 0, change = 0): Bytes => u32(0) + u32(index) + u32(flags) + u32(change)

const nameAttribute = (name: string) => attribute(IFLA_IFNAME, cString(name))

function readLink(message: Message): Link {
  const { body } = message
  const found = attributes(body, 16, LINK_ATTRIBUTES)
  const number = (type: number) => {
    const value = found.get(type)
    return value === undefined ? 0 : getU32(value, 0)
  }
  const text = (type: number) => {
    const value = found.get(type)
    return value === undefined ? '' : getString(value)
  }
  const information = found.get(IFLA_LINKINFO)
  const kind = information && attributes(information, 0, KIND_ATTRIBUTE).get(IFLA_INFO_KIND)
  const flags = getU32(body, 8)
  return {
    index: getI32(body, 4),
    name: text(IFLA_IFNAME),
    mac: found.get(IFLA_ADDRESS) ?? new Uint8Array(0),
    mtu: number(IFLA_MTU),
    up: (flags & IFF_UP) !== 0,
    operational: isOperational(found),
    promiscuous: number(IFLA_PROMISCUITY) !== 0,
    kind: kind === undefined ? '' : getString(kind),
    master: number(IFLA_MASTER),
    peer: number(IFLA_LINK),
    alias: text(IFLA_IFALIAS),
  }
}

/** What a bridge port must be asked for again and again. */
export interface PortState {
  readonly mac: Uint8Array
  readonly operational: boolean
}

const PORT_ATTRIBUTES = wanted(IFLA_ADDRESS, IFLA_OPERSTATE)
const KIND_ATTRIBUTE = wanted(IFLA_INFO_KIND)

const isOperational = (found: ReadonlyMap<number, Uint8Array>) =>
  found.get(IFLA_OPERSTATE)?.[0] === IF_OPER_UP

/** @throws NetlinkError when there is none of that name */
export function portState(netlink: Netlink, name: string): PortState {
  const [reply] = netlink.request([getLinkRequest(name)])
  const found = attributes(reply!.messages[0]!.body, 16, PORT_ATTRIBUTES)
  return { mac: found.get(IFLA_ADDRESS)!, operational: isOperational(found) }
}

const extendedMask = attribute(IFLA_EXT_MASK, u32(RTEXT_FILTER_SKIP_STATS))

const getLinkRequest = (name: string): Request => ({
  type: RTM_GETLINK,
  flags: 0,
  body: header() + nameAttribute(name) + extendedMask,
})

/** The link of that name, or undefined when there is none. */
export function findLink(netlink: Netlink, name: string): Link | undefined {
  const [reply] = netlink.exchange([getLinkRequest(name)])
  if (reply!.error?.code === 'ENODEV') return undefined
  if (reply!.error !== undefined) throw reply!.error
  return readLink(reply!.messages[0]!)
}

export function findLinkByIndex(netlink: Netlink, index: number): Link | undefined {
  const [reply] = netlink.exchange([{ type: RTM_GETLINK, flags: 0, body: header(index) + extendedMask }])
  return reply!.messages[0] && readLink(reply!.messages[0])
}

export function listLinks(netlink: Netlink): Link[] {
  return netlink.dump({ type: RTM_GETLINK, flags: 0, body: header() + extendedMask }).map(readLink)
}

/** Optional attributes of a new link. */
const mtuAttribute = (mtu: number): Bytes => (mtu > 0 ? attribute(IFLA_MTU, u32(mtu)) : '')

/** @param mac given by us, it stays; else the bridge takes the lowest of its ports' and changes as they come and go */
export function newBridge(name: string, mtu: number, mac: Uint8Array, vlanFiltering: boolean): Request {
  const data = group(
    IFLA_INFO_DATA,
    attribute(IFLA_BR_MULTI_BOOLOPT, u32(NO_LINK_LOCAL_LEARNING) + u32(NO_LINK_LOCAL_LEARNING)),
    vlanFiltering ? attribute(IFLA_BR_VLAN_FILTERING, bytes(1)) : '',
  )
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    body:
      header() +
      nameAttribute(name) +
      mtuAttribute(mtu) +
      attribute(IFLA_ADDRESS, bytesOf(mac)) +
      group(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, cString('bridge')), data),
  }
}

export interface VethPair {
  readonly hostName: string
  readonly containerName: string
  /** Descriptor of the container's network namespace; undefined: the host's. */
  readonly netns: number | undefined
  readonly mtu: number
  /** Hardware address of the container's end; the kernel chooses when absent. */
  readonly mac?: Uint8Array | undefined
  readonly bridge: number
}

/** The pair, the host's end up and on its bridge, the other one in the container: one request. The peer comes up later: ENOTCONN here. */
export function newVeth(pair: VethPair): Request {
  const peer = group(
    VETH_INFO_PEER,
    header(),
    nameAttribute(pair.containerName),
    mtuAttribute(pair.mtu),
    pair.mac === undefined ? '' : attribute(IFLA_ADDRESS, bytesOf(pair.mac)),
    pair.netns === undefined ? '' : attribute(IFLA_NET_NS_FD, u32(pair.netns)),
  )
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    body:
      header(0, IFF_UP, IFF_UP) +
      nameAttribute(pair.hostName) +
      mtuAttribute(pair.mtu) +
      attribute(IFLA_MASTER, u32(pair.bridge)) +
      group(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, cString('veth')), group(IFLA_INFO_DATA, peer)),
  }
}

export interface PortSettings {
  readonly hairpin: boolean
  readonly isolated: boolean
  /** Free text shown by `ip link`: whose link this is. */
  readonly alias: string
}

/** Settings of a bridge port, by name. */
export function setPort(name: string, settings: PortSettings): Request {
  return {
    type: RTM_NEWLINK,
    flags: 0,
    body:
      header() +
      nameAttribute(name) +
      attribute(IFLA_IFALIAS, cString(settings.alias)) +
      group(
        IFLA_LINKINFO,
        attribute(IFLA_INFO_SLAVE_KIND, cString('bridge')),
        group(
          IFLA_INFO_SLAVE_DATA,
          attribute(IFLA_BRPORT_MODE, bytes(settings.hairpin ? 1 : 0)),
          attribute(IFLA_BRPORT_ISOLATED, bytes(settings.isolated ? 1 : 0)),
        ),
      ),
  }
}

const setFlags = (name: string, flags: number, change: number): Request => ({
  type: RTM_NEWLINK,
  flags: 0,
  body: header(0, flags, change) + nameAttribute(name),
})

export const setUp = (name: string): Request => setFlags(name, IFF_UP, IFF_UP)
export const setDown = (name: string): Request => setFlags(name, 0, IFF_UP)
export const setPromiscuous = (name: string): Request => setFlags(name, IFF_PROMISC, IFF_PROMISC)

export const setMac = (name: string, mac: Uint8Array): Request => ({
  type: RTM_NEWLINK,
  flags: 0,
  body: header() + nameAttribute(name) + attribute(IFLA_ADDRESS, bytesOf(mac)),
})

const LINK_LOCAL_FROM_MAC = group(
  IFLA_AF_SPEC,
  group(AF_INET6, attribute(IFLA_INET6_ADDR_GEN_MODE, bytes(IN6_ADDR_GEN_MODE_EUI64))),
)

/** The link-local address that it gets when it comes up is made of its hardware address. Refused with EAFNOSUPPORT where a link has no IPv6. */
export const setLinkLocalFromMac = (index: number): Request => ({
  type: RTM_NEWLINK,
  flags: 0,
  body: header(index) + LINK_LOCAL_FROM_MAC,
})

export const deleteLink = (name: string): Request => ({
  type: RTM_DELLINK,
  flags: 0,
  body: header() + nameAttribute(name),
})
