/** /proc/net/ip_vs: all virtual servers and destinations in one reading, where netlink takes a request for each server. Pure. */

import { formatAddress, parseAddress } from '@podroute/address/address.ts'
import type { Connections, Destination, DestinationsByServer } from '../kernel.ts'
import { type ServerKey, serverKey } from './keys.ts'

const PROTOCOLS = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' } as const
const FORWARDINGS: Readonly<Record<string, Destination['forwarding']>> = {
  Masq: 'masquerade',
  Tunnel: 'tunnel',
}

const SERVER = /^(TCP|UDP|SCTP) +(\[?[0-9A-Fa-f:]+\]?):([0-9A-F]{4}) /
const MARKED = /^FWM +([0-9A-F]{8}) /
const DESTINATION = /^ +-> +(\[?[0-9A-Fa-f:]+\]?):([0-9A-F]{4}) +(\w+) +(\d+) +(\d+) +(\d+)/

/**
 * Reads the table piece by piece: at once, that of 10,000 Services is megabytes. Numbers are in hex, IPv6 addresses at full length
 * in brackets (ip_vs_info_seq_show in net/netfilter/ipvs/ip_vs_ctl.c).
 */
export class IpvsTableReader {
  /** Of the server that the last line was about. */
  #key = (_family: 4 | 6): ServerKey | undefined => undefined
  /** A line that goes on in the next piece. */
  #begun = ''

  /** The destinations whose lines end in this piece. */
  read(piece: string): DestinationsByServer {
    const servers = new Map<ServerKey, (Destination & Connections)[]>()
    const text = this.#begun + piece
    let start = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      this.#line(text.slice(start, end), servers)
      start = end + 1
    }
    this.#begun = text.slice(start)
    return servers
  }

  #line(line: string, servers: Map<ServerKey, (Destination & Connections)[]>): void {
    // Most of them are destinations.
    if (line.startsWith(' ')) {
      addDestination(servers, line, this.#key)
      return
    }
    const server = SERVER.exec(line)
    const marked = server ? null : MARKED.exec(line)
    if (server) this.#key = always(plainKey(server))
    // Of which family a mark is shows in its destinations only.
    else if (marked) this.#key = (family) => `mark ${family} ${Number.parseInt(marked[1]!, 16)}`
  }
}

/** Active and inactive connections end the lines of destinations (`%-10d %-10d`). */
const DESTINATION_LINE = /^( +-> +\S+ +\w+ +\d+) .*$/gm

/** The lines as they are, but for the counters of destinations: what somebody set. */
export function withoutCounters(text: string): string {
  return text.replace(DESTINATION_LINE, '$1')
}

function always<T>(value: T): () => T {
  return () => value
}

function plainKey([, protocol, address, port]: RegExpExecArray): ServerKey {
  return serverKey({
    family: 4,
    protocol: PROTOCOLS[protocol as keyof typeof PROTOCOLS],
    address: addressOf(address!),
    port: Number.parseInt(port!, 16),
  })
}

function addDestination(
  servers: Map<ServerKey, (Destination & Connections)[]>,
  line: string,
  keyOf: (family: 4 | 6) => ServerKey | undefined,
): void {
  const [, address, port, forwarding, weight, active, inactive] = DESTINATION.exec(line) ?? []
  const key = address && keyOf(address.startsWith('[') ? 6 : 4)
  if (!key) return
  const destination = {
    address: addressOf(address),
    port: Number.parseInt(port!, 16),
    weight: Number(weight),
    forwarding: FORWARDINGS[forwarding!] ?? 'route',
    activeConnections: Number(active),
    inactiveConnections: Number(inactive),
  }
  const known = servers.get(key)
  if (known) known.push(destination)
  else servers.set(key, [destination])
}

function addressOf(text: string): string {
  if (text.startsWith('[')) return formatAddress(parseAddress(text.slice(1, -1)))
  const value = Number.parseInt(text, 16)
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`
}
