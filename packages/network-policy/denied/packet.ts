/** The first bytes of an IP packet as a rule logs it. Pure. */
import { formatAddress } from '@podroute/address/address.ts'

export interface PacketEnds {
  readonly source: string
  readonly destination: string
  /** `tcp`, or the number of one without a name here. */
  readonly protocol: string
  /** Absent where the protocol has none, or they were not copied. */
  readonly sourcePort?: number
  readonly port?: number
}

const NAMES: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmpv6', 132: 'sctp' }
const WITH_PORTS: ReadonlySet<number> = new Set([6, 17, 132])
const V4_HEADER = 20
const V6_HEADER = 40

/** Undefined for what is cut off before the addresses. Of IPv6 with extension headers no ports are known. */
export function readPacketEnds(packet: Uint8Array): PacketEnds | undefined {
  const six = packet[0] !== undefined && packet[0] >> 4 === 6
  if (packet.length < (six ? V6_HEADER : V4_HEADER)) return undefined
  const number = packet[six ? 6 : 9]!
  const transport = six ? V6_HEADER : (packet[0]! & 15) * 4
  const [from, size] = six ? [8, 16] : [12, 4]
  const ends = {
    source: formatAddress(packet.slice(from, from + size)),
    destination: formatAddress(packet.slice(from + size, from + 2 * size)),
    protocol: NAMES[number] ?? String(number),
  }
  if (!WITH_PORTS.has(number) || packet.length < transport + 4) return ends
  const view = new DataView(packet.buffer, packet.byteOffset + transport, 4)
  return { ...ends, sourcePort: view.getUint16(0), port: view.getUint16(2) }
}
