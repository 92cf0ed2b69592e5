/** What a packet says, from its IP or ARP header on. Pure; of what was cut off only what is there is read. */
import { formatAddress } from '@podroute/address/address.ts'
import {
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  WITH_PORTS,
} from '@podroute/linux/packet/filter.ts'
import { icmp4Text, icmp6Text, isError } from './icmp.ts'

export interface End {
  readonly address: string
  /** Absent: it has none, or it was cut off. */
  readonly port?: number
}

export interface Packet {
  /** `tcp`, `udp`, `icmp`, `icmpv6`, `sctp`, `arp`, or its number. */
  readonly protocol: string
  readonly source: End
  readonly destination: End
  /** `SYN, ACK`, what a message of ICMP says, `who has`. */
  readonly detail: string
  /** What follows all headers that are read here, in bytes. */
  readonly payload: number
  /** One that is not the first of its packet, and has no ports. */
  readonly fragment: boolean
  /** The packet that a message of ICMP complains of. */
  readonly about?: Packet
}

const NAMES: Readonly<Record<number, string>> = {
  [IPPROTO_ICMP]: 'icmp',
  [IPPROTO_TCP]: 'tcp',
  [IPPROTO_UDP]: 'udp',
  [IPPROTO_ICMPV6]: 'icmpv6',
  [IPPROTO_SCTP]: 'sctp',
}

/** @param type EtherType @returns undefined for what is neither IP nor ARP, or too short */
export function readPacket(type: number, bytes: Uint8Array): Packet | undefined {
  if (type === ETH_P_IP) return readIpv4(bytes)
  if (type === ETH_P_IPV6) return readIpv6(bytes)
  return type === ETH_P_ARP ? readArp(bytes) : undefined
}

/** Where the header of the protocol begins, and whose it is. */
interface Inner {
  readonly protocol: number
  readonly at: number
  /** Of the whole packet, as it says. */
  readonly length: number
  readonly fragment: boolean
}

function readIpv4(bytes: Uint8Array): Packet | undefined {
  if (bytes.length < 20 || bytes[0]! >> 4 !== 4) return undefined
  const view = viewOf(bytes)
  const fragment = (view.getUint16(6) & 0x1fff) !== 0
  const inner = { protocol: bytes[9]!, at: 4 * (bytes[0]! & 15), length: view.getUint16(2), fragment }
  return withEnds(bytes, bytes.subarray(12, 16), bytes.subarray(16, 20), inner)
}

/** Headers that may stand before that of the protocol (RFC 8200 section 4): hop by hop, routing, destination. */
const OPTIONS = [0, 43, 60]
const FRAGMENT = 44

function readIpv6(bytes: Uint8Array): Packet | undefined {
  if (bytes.length < 40 || bytes[0]! >> 4 !== 6) return undefined
  const view = viewOf(bytes)
  let [protocol, at, fragment] = [bytes[6]!, 40, false]
  while (!fragment && at + 8 <= bytes.length && (protocol === FRAGMENT || OPTIONS.includes(protocol))) {
    const length = protocol === FRAGMENT ? 8 : 8 * (bytes[at + 1]! + 1)
    if (protocol === FRAGMENT) fragment = (view.getUint16(at + 2) & 0xfff8) !== 0
    protocol = bytes[at]!
    at += length
  }
  const inner = { protocol, at, length: 40 + view.getUint16(4), fragment }
  return withEnds(bytes, bytes.subarray(8, 24), bytes.subarray(24, 40), inner)
}

function withEnds(bytes: Uint8Array, from: Uint8Array, to: Uint8Array, inner: Inner): Packet {
  const { protocol, at, fragment } = inner
  const length = Math.max(inner.length - at, 0)
  const rest = bytes.subarray(at, Math.max(at, inner.length))
  const [source, destination] = [{ address: formatAddress(from) }, { address: formatAddress(to) }]
  const name = NAMES[protocol] ?? `protocol ${protocol}`
  const packet = { protocol: name, source, destination, fragment, payload: length, detail: '' }
  if (fragment) return { ...packet, detail: 'fragment' }
  if (WITH_PORTS.includes(protocol) && rest.length >= 4) {
    const view = viewOf(rest)
    return {
      ...packet,
      source: { ...source, port: view.getUint16(0) },
      destination: { ...destination, port: view.getUint16(2) },
      ...ofTransport(protocol, rest, length),
    }
  }
  if (protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6)
    return { ...packet, ...ofIcmp(protocol, rest) }
  return packet
}

function ofTransport(protocol: number, rest: Uint8Array, length: number): Pick<Packet, 'detail' | 'payload'> {
  if (protocol === IPPROTO_UDP) return { detail: '', payload: Math.max(length - 8, 0) }
  if (protocol !== IPPROTO_TCP || rest.length < 14) return { detail: '', payload: length }
  const names = FLAGS.filter((_, bit) => rest[13]! & (1 << bit))
  return { detail: names.join(', '), payload: Math.max(length - 4 * (rest[12]! >> 4), 0) }
}

/** By their bits. */
const FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG']

function ofIcmp(protocol: number, rest: Uint8Array): Pick<Packet, 'detail' | 'about'> {
  const isIpv6 = protocol === IPPROTO_ICMPV6
  const detail = isIpv6 ? icmp6Text(rest) : icmp4Text(rest)
  if (!isError(isIpv6, rest)) return { detail }
  const about = readPacket(isIpv6 ? ETH_P_IPV6 : ETH_P_IP, rest.subarray(8))
  return about ? { detail, about } : { detail }
}

/** RFC 826, for IPv4 over Ethernet. */
function readArp(bytes: Uint8Array): Packet | undefined {
  if (bytes.length < 28) return undefined
  const [sender, target] = [formatAddress(bytes.subarray(14, 18)), formatAddress(bytes.subarray(24, 28))]
  const detail = bytes[7] === 1 ? 'who has' : `is at ${macOf(bytes.subarray(8, 14))}`
  const ends = { source: { address: sender }, destination: { address: target } }
  return { protocol: 'arp', ...ends, detail, payload: 0, fragment: false }
}

function macOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
