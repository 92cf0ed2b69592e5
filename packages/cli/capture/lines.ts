/** A captured packet for people, as one line, and for programs. Pure. */
import type { Captured } from './captured.ts'
import { type End, type Packet, readPacket } from './packet.ts'

/** Names of addresses. */
export type Names = ReadonlyMap<string, string>

export interface PacketReport {
  readonly time: string
  /** Absent: this one. */
  readonly node?: string
  readonly link: string
  readonly place: string
  readonly direction: string
  readonly protocol: string
  readonly source: EndReport
  readonly destination: EndReport
  readonly detail: string
  /** Of the whole packet, from the IP header on. */
  readonly length: number
  /** Bytes behind the headers. */
  readonly payload: number
}

export interface EndReport {
  readonly address: string
  readonly port?: number
  readonly name?: string
}

/** @param packet what `captured` holds */
export function packetReport(captured: Captured, packet: Packet, names: Names): PacketReport {
  const { node, link, place, direction, length, time } = captured
  const { protocol, payload } = packet
  return {
    ...{ time: timeText(time), ...(node === '' ? {} : { node }), link, place, direction, protocol },
    ...{ source: endReport(packet.source, names), destination: endReport(packet.destination, names) },
    ...{ detail: detailOf(packet, names), length, payload },
  }
}

export function packetLine({ time, node, link, place, direction, ...packet }: PacketReport): string {
  const where = [...(node === undefined ? [] : [node.padEnd(12)]), link.padEnd(15), place.padEnd(8)]
  const { source, destination, protocol, detail, length, payload } = packet
  const said = [protocol, ...(detail === '' ? [] : [detail])].join(' ')
  const size = protocol === 'tcp' || protocol === 'udp' ? payload : length
  const ends = `${endText(source)} > ${endText(destination)}`
  return `${time.slice(11, -1)} ${where.join(' ')} ${direction.padEnd(3)} ${ends} ${said}, ${size} bytes`
}

/** A line for a packet that is not read further. */
export function unreadLine({ time, link, place, direction, length }: Captured): string {
  return `${timeText(time).slice(11, -1)} ${link} ${place} ${direction} not understood, ${length} bytes`
}

function detailOf({ detail, about }: Packet, names: Names): string {
  if (!about) return detail
  const [from, to] = [about.source, about.destination].map((end) => endText(endReport(end, names)))
  return `${detail}, about ${from} > ${to} ${about.protocol}`
}

function endReport({ address, port }: End, names: Names): EndReport {
  const name = names.get(address)
  return { address, ...(port === undefined ? {} : { port }), ...(name === undefined ? {} : { name }) }
}

function endText({ address, port, name }: EndReport): string {
  if (port === undefined) return name ?? address
  return `${name ?? (address.includes(':') ? `[${address}]` : address)}:${port}`
}

/** RFC 3339, with microseconds. */
function timeText(nanoseconds: bigint): string {
  const date = new Date(Number(nanoseconds / 1_000_000n)).toISOString()
  const microseconds = ((nanoseconds / 1000n) % 1000n).toString().padStart(3, '0')
  return `${date.slice(0, -1)}${microseconds}Z`
}

export function packetOf({ protocol, bytes }: Captured): Packet | undefined {
  return readPacket(protocol, bytes)
}
