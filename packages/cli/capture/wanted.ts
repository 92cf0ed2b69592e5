/** Which packets are wanted, precisely: the kernel's filter lets some more pass. Pure. */
import { formatAddress, parseAddress } from '@podroute/address/address.ts'
import type { PacketFilter } from '@podroute/linux/packet/filter.ts'
import type { End, Packet } from './packet.ts'

export interface Wanted extends PacketFilter {
  /** Packets to and from it are left out. */
  readonly except: readonly number[]
}

/** With the group that neighbours of an IPv6 address ask (RFC 4291 section 2.7.1), which is where it is looked for. */
export function withNeighbours(addresses: readonly string[]): readonly string[] {
  return addresses.flatMap((address) => {
    const bytes = parseAddress(address)
    if (bytes.length === 4) return [address]
    const group = parseAddress('ff02::1:ff00:0')
    group.set(bytes.subarray(13), 13)
    return [address, formatAddress(group)]
  })
}

/** Messages of ICMP that complain of a wanted packet are wanted, too, and fragments of wanted addresses. */
export function isWanted(packet: Packet, wanted: Wanted): boolean {
  const { addresses, ports, except } = wanted
  const { source, destination, fragment, about } = packet
  const ends = [source, destination]
  const has = (list: readonly number[]) => ends.some(({ port }) => port !== undefined && list.includes(port))
  if (has(except)) return false
  if (addresses.length > 0 && !ends.some(({ address }) => addresses.includes(address))) return false
  if (about) return isAbout(about, wanted)
  return ports.length === 0 || fragment || has(ports)
}

function isAbout({ source, destination }: Packet, { ports }: Wanted): boolean {
  const has = ({ port }: End) => port === undefined || ports.includes(port)
  return ports.length === 0 || has(source) || has(destination)
}
