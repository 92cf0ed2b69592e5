/**
 * Network interfaces to and from rtnetlink messages (struct ifinfomsg and IFLA attributes). Pure.
 *
 * ```
 *  0        1     2      4       8       12       16
 * +--------+-----+------+-------+-------+--------+------------+
 * | family | pad | type | index | flags | change | attributes |
 * +--------+-----+------+-------+-------+--------+------------+
 * ```
 */
import {
  type Message,
  putAttribute,
  putNested,
  putTextAttribute,
  putU8Attribute,
  putU16Attribute,
  putU32Attribute,
  readAttributes,
  readI32,
  readText,
  readU8,
  readU32,
  reserve,
  type Writer,
} from '../netlink/wire.ts'
import { AF_BRIDGE } from './rtnetlink.ts'

const IFF_UP = 0x1
const IFF_LOOPBACK = 0x8
const IFF_PROMISC = 0x100
const IFF_NOARP = 0x80

const IFLA_ADDRESS = 1
const IFLA_IFNAME = 3
const IFLA_MTU = 4
const IFLA_LINK = 5
const IFLA_MASTER = 10
const IFLA_OPERSTATE = 16
const IFLA_LINKINFO = 18
const IFLA_IFALIAS = 20
const IFLA_NET_NS_FD = 28
const IFLA_EXT_MASK = 29
const IFLA_INFO_KIND = 1
const IFLA_INFO_DATA = 2
const VETH_INFO_PEER = 1
const IFLA_PROTINFO = 12
const IFLA_BRPORT_MODE = 4
const IFLA_BRPORT_GUARD = 5
const IFLA_BRPORT_PROTECT = 6
const IFLA_BRPORT_LEARNING = 8
const IFLA_BRPORT_UNICAST_FLOOD = 9
const IFLA_BRPORT_ISOLATED = 33
const IFLA_BR_FORWARD_DELAY = 1
const IFLA_BR_STP_STATE = 5
const IFLA_BR_VLAN_FILTERING = 7
const IFLA_BR_MULTICAST_SNOOPING = 23
const IFLA_BR_MULTI_BOOLOPT = 46
/** Bit of BR_BOOLOPT_NO_LL_LEARN: frames to 01:80:c2:00:00:0x pass no hook of netfilter before the bridge learns from them. */
const NO_LINK_LOCAL_LEARNING = 1
const IFLA_VLAN_ID = 1
const IFLA_IPTUN_LOCAL = 2
const IFLA_IPTUN_REMOTE = 3
const IFLA_IPTUN_TTL = 4

const IFINFO_LENGTH = 16

export interface Link {
  readonly index: number
  readonly name: string
  /** `veth`, `bridge`, `dummy`, `vlan`, `ipip`; `` for hardware and loopback. */
  readonly kind: string
  /** `02:00:00:00:00:01`; `` where there is none. */
  readonly mac: string
  readonly mtu: number
  /** Set up by its owner (IFF_UP); says nothing about the cable. */
  readonly up: boolean
  /** Carrier and protocol ready (IF_OPER_UP, or unknown as loopback and dummies are). */
  readonly running: boolean
  readonly loopback: boolean
  readonly promiscuous: boolean
  /** Index of the bridge that it is a port of; 0 for none. */
  readonly master: number
  /** Index of the lower device (vlan) or of the peer (veth); 0 for none. */
  readonly parent: number
  /** Free text of whoever made it (`ip link set alias`); absent where there is none. */
  readonly alias?: string
  /** Of a bridge: whether it learns where a MAC is from frames to link-local groups, such as LLDP's; absent before Linux 5.0. */
  readonly linkLocalLearning?: boolean
}

/** What to make of a link; what is absent stays as it is. */
export interface LinkChange {
  readonly name?: string
  readonly mac?: string
  readonly mtu?: number
  readonly up?: boolean
  readonly promiscuous?: boolean
  readonly noArp?: boolean
  /** Of a bridge. */
  readonly linkLocalLearning?: boolean
  /** Index of the bridge; 0 takes it out. */
  readonly master?: number
  /** Descriptor of the namespace to move it to. */
  readonly netnsFd?: number
}

export type LinkKind =
  | { readonly kind: 'dummy' }
  | {
      readonly kind: 'bridge'
      readonly vlanFiltering?: boolean
      readonly multicastSnooping?: boolean
      readonly stp?: boolean
      /** Centiseconds. */
      readonly forwardDelay?: number
    }
  /** The peer is set up afterwards: the kernel makes it first and, up without its other end, refuses it with ENOTCONN. */
  | { readonly kind: 'veth'; readonly peer: Omit<LinkChange, 'up'> & { readonly name: string } }
  | { readonly kind: 'vlan'; readonly parent: number; readonly id: number }
  | {
      readonly kind: 'ipip' | 'ip6tnl' | 'sit'
      readonly local?: Uint8Array
      readonly remote?: Uint8Array
      readonly ttl?: number
    }

export type NewLink = LinkChange & { readonly name: string } & LinkKind

/** @param index 0 to go by name */
export function writeLink(w: Writer, index: number, change: LinkChange): void {
  const at = reserve(w, IFINFO_LENGTH)
  w.view.setInt32(at + 4, index, true)
  let flags = 0
  let mask = 0
  const flag = (wanted: boolean | undefined, bit: number) => {
    if (wanted === undefined) return
    mask |= bit
    if (wanted) flags |= bit
  }
  flag(change.up, IFF_UP)
  flag(change.promiscuous, IFF_PROMISC)
  flag(change.noArp, IFF_NOARP)
  w.view.setUint32(at + 8, flags, true)
  w.view.setUint32(at + 12, mask, true)
  if (change.name !== undefined) putTextAttribute(w, IFLA_IFNAME, change.name)
  if (change.mac !== undefined) putAttribute(w, IFLA_ADDRESS, parseMac(change.mac))
  if (change.mtu !== undefined) putU32Attribute(w, IFLA_MTU, change.mtu)
  if (change.master !== undefined) putU32Attribute(w, IFLA_MASTER, change.master)
  if (change.netnsFd !== undefined) putU32Attribute(w, IFLA_NET_NS_FD, change.netnsFd)
  const { linkLocalLearning } = change
  if (linkLocalLearning === undefined) return
  putNested(w, IFLA_LINKINFO, () => {
    putTextAttribute(w, IFLA_INFO_KIND, 'bridge')
    putNested(w, IFLA_INFO_DATA, () => putLinkLocalLearning(w, linkLocalLearning))
  })
}

/** struct br_boolopt_multi: values, and which of them count. */
function putLinkLocalLearning(w: Writer, learns: boolean): void {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, learns ? 0 : NO_LINK_LOCAL_LEARNING, true)
  view.setUint32(4, NO_LINK_LOCAL_LEARNING, true)
  putAttribute(w, IFLA_BR_MULTI_BOOLOPT, bytes)
}

export function writeNewLink(w: Writer, link: NewLink): void {
  const { linkLocalLearning: _, ...change } = link
  writeLink(w, 0, change)
  if (link.kind === 'vlan') putU32Attribute(w, IFLA_LINK, link.parent)
  putNested(w, IFLA_LINKINFO, () => {
    putTextAttribute(w, IFLA_INFO_KIND, link.kind)
    putNested(w, IFLA_INFO_DATA, () => writeKindData(w, link))
  })
}

function writeKindData(w: Writer, link: LinkKind & LinkChange): void {
  const flag = (type: number, value: boolean | undefined) => {
    if (value !== undefined) putU8Attribute(w, type, value ? 1 : 0)
  }
  switch (link.kind) {
    case 'dummy':
      return
    case 'bridge':
      if (link.forwardDelay !== undefined) putU32Attribute(w, IFLA_BR_FORWARD_DELAY, link.forwardDelay)
      if (link.stp !== undefined) putU32Attribute(w, IFLA_BR_STP_STATE, link.stp ? 1 : 0)
      flag(IFLA_BR_VLAN_FILTERING, link.vlanFiltering)
      flag(IFLA_BR_MULTICAST_SNOOPING, link.multicastSnooping)
      if (link.linkLocalLearning !== undefined) putLinkLocalLearning(w, link.linkLocalLearning)
      return
    case 'veth':
      putNested(w, VETH_INFO_PEER, () => writeLink(w, 0, link.peer))
      return
    case 'vlan':
      putU16Attribute(w, IFLA_VLAN_ID, link.id)
      return
    case 'ipip':
    case 'sit':
    case 'ip6tnl':
      if (link.local) putAttribute(w, IFLA_IPTUN_LOCAL, link.local)
      if (link.remote) putAttribute(w, IFLA_IPTUN_REMOTE, link.remote)
      if (link.ttl !== undefined) putU8Attribute(w, IFLA_IPTUN_TTL, link.ttl)
  }
}

const RTEXT_FILTER_SKIP_STATS = 8

/** A request for one link by index or name, or (neither) for all of them; without counters, which make the reply long. */
export function writeLinkQuery(w: Writer, query: { readonly index?: number; readonly name?: string }): void {
  const at = reserve(w, IFINFO_LENGTH)
  w.view.setInt32(at + 4, query.index ?? 0, true)
  if (query.name !== undefined) putTextAttribute(w, IFLA_IFNAME, query.name)
  putU32Attribute(w, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
}

/** A link by its index alone: for RTM_DELLINK. */
export function writeLinkIndex(w: Writer, index: number): void {
  const at = reserve(w, IFINFO_LENGTH)
  w.view.setInt32(at + 4, index, true)
}

/** Behaviour of one port of a bridge; what is absent stays as it is. */
export interface BridgePort {
  /** Frames may go back out of the port that they came from. */
  readonly hairpin?: boolean
  readonly isolated?: boolean
  readonly learning?: boolean
  readonly flood?: boolean
  readonly guard?: boolean
  readonly rootBlock?: boolean
}

/** RTM_SETLINK of family AF_BRIDGE: attributes of the port, not of the device. */
export function writeBridgePort(w: Writer, index: number, port: BridgePort): void {
  const at = reserve(w, IFINFO_LENGTH)
  w.bytes[at] = AF_BRIDGE
  w.view.setInt32(at + 4, index, true)
  putNested(w, IFLA_PROTINFO, () => {
    const flag = (type: number, value: boolean | undefined) => {
      if (value !== undefined) putU8Attribute(w, type, value ? 1 : 0)
    }
    flag(IFLA_BRPORT_MODE, port.hairpin)
    flag(IFLA_BRPORT_GUARD, port.guard)
    flag(IFLA_BRPORT_PROTECT, port.rootBlock)
    flag(IFLA_BRPORT_LEARNING, port.learning)
    flag(IFLA_BRPORT_UNICAST_FLOOD, port.flood)
    flag(IFLA_BRPORT_ISOLATED, port.isolated)
  })
}

const IF_OPER_UNKNOWN = 0
const IF_OPER_UP = 6

/** The link of an RTM_NEWLINK or RTM_DELLINK. @throws WireError */
export function readLink(message: Message): Link {
  const { payload } = message
  const attributes = readAttributes(payload, IFINFO_LENGTH)
  const flags = readU32(payload, 8)
  const info = attributes.get(IFLA_LINKINFO)
  const infos = info && readAttributes(info)
  const kind = infos?.get(IFLA_INFO_KIND)
  const options = infos && linkLocalLearning(infos.get(IFLA_INFO_DATA))
  const number = (type: number) => {
    const value = attributes.get(type)
    return value ? readU32(value, 0) : 0
  }
  const operstate = attributes.get(IFLA_OPERSTATE)
  const alias = attributes.get(IFLA_IFALIAS)
  const state = operstate ? readU8(operstate, 0) : IF_OPER_UNKNOWN
  return {
    index: readI32(payload, 4),
    name: readText(attributes.get(IFLA_IFNAME) ?? new Uint8Array(0)),
    kind: kind ? readText(kind) : '',
    mac: formatMac(attributes.get(IFLA_ADDRESS) ?? new Uint8Array(0)),
    mtu: number(IFLA_MTU),
    up: (flags & IFF_UP) !== 0,
    running: (flags & IFF_UP) !== 0 && (state === IF_OPER_UP || state === IF_OPER_UNKNOWN),
    loopback: (flags & IFF_LOOPBACK) !== 0,
    promiscuous: (flags & IFF_PROMISC) !== 0,
    master: number(IFLA_MASTER),
    parent: number(IFLA_LINK),
    ...(alias && { alias: readText(alias) }),
    ...(options !== undefined && kind && readText(kind) === 'bridge' && { linkLocalLearning: options }),
  }
}

function linkLocalLearning(data: Uint8Array | undefined): boolean | undefined {
  const options = data && readAttributes(data).get(IFLA_BR_MULTI_BOOLOPT)
  return options && (readU32(options, 0) & NO_LINK_LOCAL_LEARNING) === 0
}

/** The port settings inside an AF_BRIDGE or plain RTM_NEWLINK that carries them; undefined when it carries none. */
export function readBridgePort(message: Message): BridgePort | undefined {
  const info = readAttributes(message.payload, IFINFO_LENGTH).get(IFLA_PROTINFO)
  if (!info) return undefined
  const attributes = readAttributes(info)
  const flag = (type: number) => attributes.get(type)?.[0] === 1
  return {
    hairpin: flag(IFLA_BRPORT_MODE),
    guard: flag(IFLA_BRPORT_GUARD),
    rootBlock: flag(IFLA_BRPORT_PROTECT),
    learning: flag(IFLA_BRPORT_LEARNING),
    flood: flag(IFLA_BRPORT_UNICAST_FLOOD),
    isolated: flag(IFLA_BRPORT_ISOLATED),
  }
}

/** A request for the bridge ports of all links (dump). */
export function writeBridgePortQuery(w: Writer): void {
  const at = reserve(w, IFINFO_LENGTH)
  w.bytes[at] = AF_BRIDGE
}

/** @throws RangeError unless it is six pairs of hexadecimal digits */
export function parseMac(text: string): Uint8Array {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)) throw new RangeError(`not a MAC address: ${text}`)
  return Uint8Array.from(text.split(':'), (pair) => Number.parseInt(pair, 16))
}

export function formatMac(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += `${text && ':'}${byte < 16 ? '0' : ''}${byte.toString(16)}`
  return text
}
