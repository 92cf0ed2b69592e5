/** Virtual servers and destinations to and from messages of the IPVS generic-netlink family (include/uapi/linux/ip_vs.h). Pure. */
import { parseAddress } from '@podroute/address/address.ts'
import { GENL_HEADER, writeGenericHeader } from '../netlink/generic.ts'
import { readIp } from '../netlink/ip.ts'
import {
  type Attributes,
  createWriter,
  extend,
  type Message,
  NLA_TYPE_MASK,
  putAttribute,
  putNested,
  putTextAttribute,
  putU16Attribute,
  putU16beAttribute,
  putU32Attribute,
  readAttributes,
  readText,
  readU16,
  readU16be,
  readU32,
  readU64,
  type Writer,
  written,
} from '../netlink/wire.ts'

export type Protocol = 'tcp' | 'udp' | 'sctp'

/** Persistent: connections of one client go to one destination until `timeout` has passed. */
export const FLAG_PERSISTENT = 0x1
/** Scheduler flags: for `sh` and `mh` fall-back and source port. */
export const FLAG_SCHED_1 = 0x8
export const FLAG_SCHED_2 = 0x10

export interface VirtualServer {
  readonly family: 4 | 6
  readonly protocol: Protocol
  readonly address: string
  readonly port: number
  /** With a mark the packets' mark selects them; protocol, address and port then say nothing (`tcp`, `0.0.0.0` or `::`, 0). */
  readonly fwmark?: number
  readonly scheduler: string
  /** FLAG_…; the kernel's own bookkeeping bits are left out. */
  readonly flags: number
  /** Persistence in seconds; 0 without it. */
  readonly timeout: number
}

export type Forwarding = 'masquerade' | 'tunnel' | 'route'

export interface Destination {
  readonly address: string
  readonly port: number
  /** 0: takes no new connections. */
  readonly weight: number
  readonly forwarding: Forwarding
}

export interface Connections {
  readonly activeConnections: number
  readonly inactiveConnections: number
}

/** Counters since the server was made; the kernel adds them up every 2 s (net.ipv4.vs.run_estimation). */
export interface Counters {
  readonly connections: number
  readonly inPackets: number
  readonly outPackets: number
  readonly inBytes: number
  readonly outBytes: number
}

export const IPVS_FAMILY = 'IPVS'
const VERSION = 1

export const CMD = {
  newService: 1,
  setService: 2,
  delService: 3,
  getService: 4,
  newDestination: 5,
  setDestination: 6,
  delDestination: 7,
  getDestination: 8,
  setConfig: 12,
  getConfig: 13,
  setInfo: 14,
  getInfo: 15,
} as const

const CMD_ATTR_SERVICE = 1
const CMD_ATTR_DEST = 2
const CMD_ATTR_TIMEOUT_TCP = 4
const CMD_ATTR_TIMEOUT_TCP_FIN = 5
const CMD_ATTR_TIMEOUT_UDP = 6

const SVC_AF = 1
const SVC_PROTOCOL = 2
const SVC_ADDR = 3
const SVC_PORT = 4
const SVC_FWMARK = 5
const SVC_SCHED_NAME = 6
const SVC_FLAGS = 7
const SVC_TIMEOUT = 8
const SVC_NETMASK = 9
const SVC_STATS = 10
const SVC_STATS64 = 12

const DEST_ADDR = 1
const DEST_PORT = 2
const DEST_FWD_METHOD = 3
const DEST_WEIGHT = 4
const DEST_U_THRESH = 5
const DEST_L_THRESH = 6
const DEST_ACTIVE_CONNS = 7
const DEST_INACT_CONNS = 8
const DEST_ADDR_FAMILY = 11

const PROTOCOLS: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 }
const FORWARDINGS: Readonly<Record<Forwarding, number>> = { masquerade: 0, tunnel: 2, route: 3 }
/** IP_VS_SVC_F_HASHED: the kernel's own. */
const FLAG_HASHED = 0x2

/** The header and, where a command is about one server, what names it. */
export function writeServerKey(w: Writer, command: number, server: VirtualServer): void {
  if (server.fwmark === undefined) {
    writePlainServerKey(w, command, server)
    return
  }
  writeGenericHeader(w, command, VERSION)
  putNested(w, CMD_ATTR_SERVICE, () => putServerKey(w, server))
}

function writePlainServerKey(w: Writer, command: number, server: VirtualServer): void {
  const at = extend(w, SERVER_KEY.length)
  const { bytes, view } = w
  bytes.set(SERVER_KEY, at)
  bytes[at] = command
  if (server.family === 6) view.setUint16(at + 12, 10, true)
  view.setUint16(at + 20, PROTOCOLS[server.protocol], true)
  bytes.set(parseAddress(server.address), at + 28)
  view.setUint16(at + 48, server.port)
}

/** Header and key of the server tcp 0.0.0.0:0, over a copy of which each server's is written. */
const SERVER_KEY = blankServerKey()

function blankServerKey(): Uint8Array {
  const w = createWriter(64)
  writeGenericHeader(w, 0, VERSION)
  putNested(w, CMD_ATTR_SERVICE, () => {
    putU16Attribute(w, SVC_AF, 2) // its value at 12
    putU16Attribute(w, SVC_PROTOCOL, 0) // 20
    putAttribute(w, SVC_ADDR, new Uint8Array(16)) // 28
    putU16beAttribute(w, SVC_PORT, 0) // 48
  })
  return written(w)
}

/**
 * Where the settings of a server end in a reply whose payload begins at `payload`: its counters, which change all the time, follow.
 * The lengths before them do not depend on the counters' values.
 */
export function settingsEnd(bytes: Uint8Array, payload: number): number {
  // The header of the one attribute that holds the others.
  const holder = payload + GENL_HEADER
  const end = holder + readU16(bytes, holder)
  let at = holder + 4
  while (at < end) {
    const type = readU16(bytes, at + 2) & NLA_TYPE_MASK
    if (type === SVC_STATS || type === SVC_STATS64) break
    at += Math.max(4, (readU16(bytes, at) + 3) & ~3)
  }
  return Math.min(at, end)
}

/** A whole server: to make or to change it. */
export function writeServer(w: Writer, command: number, server: VirtualServer): void {
  writeGenericHeader(w, command, VERSION)
  putNested(w, CMD_ATTR_SERVICE, () => {
    putServerKey(w, server)
    putTextAttribute(w, SVC_SCHED_NAME, server.scheduler)
    // struct ip_vs_flags: value and mask.
    putAttribute(w, SVC_FLAGS, flagsOf(server.flags))
    putU32Attribute(w, SVC_TIMEOUT, server.timeout)
    // Persistence goes by the whole address: a mask for IPv4, a prefix length for IPv6.
    putU32Attribute(w, SVC_NETMASK, server.family === 6 ? 128 : 0xffffffff)
  })
}

/** A destination: whole, or (`delDestination`) only what names it. */
export function writeDestination(
  w: Writer,
  command: number,
  server: VirtualServer,
  destination: Destination,
): void {
  writeServerKey(w, command, server)
  const whole = command !== CMD.delDestination
  const at = extend(w, whole ? DESTINATION.length : DESTINATION_KEY.length)
  const { bytes, view } = w
  bytes.set(whole ? DESTINATION : DESTINATION_KEY, at)
  const address = parseAddress(destination.address)
  bytes.set(address, at + 8)
  view.setUint16(at + 28, destination.port)
  if (address.length === 16) view.setUint16(at + 36, 10, true)
  if (!whole) return
  view.setUint32(at + 44, FORWARDINGS[destination.forwarding], true)
  view.setUint32(at + 52, destination.weight, true)
}

/** A destination's attributes with everything zero. Most bytes of all destinations are the same, so each is written over a copy of these. */
function blankDestination(whole: boolean): Uint8Array {
  const w = createWriter(128)
  putNested(w, CMD_ATTR_DEST, () => {
    putAttribute(w, DEST_ADDR, new Uint8Array(16)) // its value at 8
    putU16beAttribute(w, DEST_PORT, 0) // 28
    putU16Attribute(w, DEST_ADDR_FAMILY, 2) // 36
    if (!whole) return
    putU32Attribute(w, DEST_FWD_METHOD, 0) // 44
    putU32Attribute(w, DEST_WEIGHT, 0) // 52
    putU32Attribute(w, DEST_U_THRESH, 0)
    putU32Attribute(w, DEST_L_THRESH, 0)
  })
  return written(w)
}

const DESTINATION = blankDestination(true)
const DESTINATION_KEY = blankDestination(false)

/** Time-outs in seconds; 0 or absent leaves one as it is. */
export interface Timeouts {
  readonly tcp?: number
  readonly tcpFin?: number
  readonly udp?: number
}

export function writeTimeouts(w: Writer, timeouts: Timeouts): void {
  writeGenericHeader(w, CMD.setConfig, VERSION)
  putU32Attribute(w, CMD_ATTR_TIMEOUT_TCP, timeouts.tcp ?? 0)
  putU32Attribute(w, CMD_ATTR_TIMEOUT_TCP_FIN, timeouts.tcpFin ?? 0)
  putU32Attribute(w, CMD_ATTR_TIMEOUT_UDP, timeouts.udp ?? 0)
}

export function writeCommand(w: Writer, command: number): void {
  writeGenericHeader(w, command, VERSION)
}

/** @throws WireError */
export function readTimeouts(message: Message): Required<Timeouts> {
  const attributes = readAttributes(message.payload, GENL_HEADER)
  return {
    tcp: number(attributes, CMD_ATTR_TIMEOUT_TCP),
    tcpFin: number(attributes, CMD_ATTR_TIMEOUT_TCP_FIN),
    udp: number(attributes, CMD_ATTR_TIMEOUT_UDP),
  }
}

/** `1.2.1` of the reply to getInfo. @throws WireError */
export function readVersion(message: Message): string {
  const version = number(readAttributes(message.payload, GENL_HEADER), 1)
  return `${version >> 16}.${(version >> 8) & 255}.${version & 255}`
}

/** The server of a getService reply; undefined for a protocol that VirtualServer does not know. @throws WireError */
export function readServer(message: Message): VirtualServer | undefined {
  const attributes = inside(message, CMD_ATTR_SERVICE)
  const family = readU16(required(attributes, SVC_AF), 0) === 10 ? 6 : 4
  const fwmark = attributes.get(SVC_FWMARK)
  const rest = {
    scheduler: readText(required(attributes, SVC_SCHED_NAME)),
    flags: readU32(required(attributes, SVC_FLAGS), 0) & ~FLAG_HASHED,
    timeout: number(attributes, SVC_TIMEOUT),
  }
  if (fwmark) {
    const address = family === 6 ? '::' : '0.0.0.0'
    return { family, protocol: 'tcp', address, port: 0, fwmark: readU32(fwmark, 0), ...rest }
  }
  const protocol = protocolOf(readU16(required(attributes, SVC_PROTOCOL), 0))
  const address = narrow(required(attributes, SVC_ADDR), family)
  return (
    protocol && { family, protocol, address, port: readU16be(required(attributes, SVC_PORT), 0), ...rest }
  )
}

/** The counters of a getService reply: 64 bits wide since Linux 4.1. @throws WireError */
export function readCounters(message: Message): Counters {
  const attributes = inside(message, CMD_ATTR_SERVICE)
  const wide = attributes.get(SVC_STATS64)
  const values = readAttributes(wide ?? required(attributes, SVC_STATS))
  const counter = (type: number) => {
    const value = values.get(type)
    if (!value) return 0
    return value.length >= 8 ? Number(readU64(value, 0)) : readU32(value, 0)
  }
  return {
    connections: counter(1),
    inPackets: counter(2),
    outPackets: counter(3),
    inBytes: counter(4),
    outBytes: counter(5),
  }
}

/** The destination of a getDestination reply, for a server of `family`. @throws WireError */
export function readDestination(message: Message, family: 4 | 6): Destination & Connections {
  const attributes = inside(message, CMD_ATTR_DEST)
  const own = attributes.get(DEST_ADDR_FAMILY)
  const addressFamily = own ? (readU16(own, 0) === 10 ? 6 : 4) : family
  return {
    address: narrow(required(attributes, DEST_ADDR), addressFamily),
    port: readU16be(required(attributes, DEST_PORT), 0),
    weight: number(attributes, DEST_WEIGHT),
    forwarding: forwardingOf(number(attributes, DEST_FWD_METHOD)),
    activeConnections: number(attributes, DEST_ACTIVE_CONNS),
    inactiveConnections: number(attributes, DEST_INACT_CONNS),
  }
}

function putServerKey(w: Writer, server: VirtualServer): void {
  putU16Attribute(w, SVC_AF, server.family === 6 ? 10 : 2)
  if (server.fwmark !== undefined) {
    putU32Attribute(w, SVC_FWMARK, server.fwmark)
    return
  }
  putU16Attribute(w, SVC_PROTOCOL, PROTOCOLS[server.protocol])
  putAttribute(w, SVC_ADDR, wide(parseAddress(server.address)))
  putU16beAttribute(w, SVC_PORT, server.port)
}

function flagsOf(flags: number): Uint8Array {
  const bytes = new Uint8Array(8).fill(255, 4)
  new DataView(bytes.buffer).setUint32(0, flags, true)
  return bytes
}

/** union nf_inet_addr: 16 bytes, an IPv4 address in the first four. */
function wide(address: Uint8Array): Uint8Array {
  if (address.length === 16) return address
  const bytes = new Uint8Array(16)
  bytes.set(address)
  return bytes
}

function narrow(bytes: Uint8Array, family: 4 | 6): string {
  return readIp(bytes.subarray(0, family === 6 ? 16 : 4))
}

function inside(message: Message, type: number): Attributes {
  return readAttributes(required(readAttributes(message.payload, GENL_HEADER), type))
}

function required(attributes: Attributes, type: number): Uint8Array {
  return attributes.get(type) ?? new Uint8Array(0)
}

function number(attributes: Attributes, type: number): number {
  const value = attributes.get(type)
  return value ? readU32(value, 0) : 0
}

function protocolOf(value: number): Protocol | undefined {
  return value === 6 ? 'tcp' : value === 17 ? 'udp' : value === 132 ? 'sctp' : undefined
}

function forwardingOf(value: number): Forwarding {
  // IP_VS_CONN_F_FWD_MASK; 1 is the kernel's name for "this very node", which it delivers as `route` does.
  const method = value & 7
  return method === 0 ? 'masquerade' : method === 2 ? 'tunnel' : 'route'
}
