// Names and canonical addresses of peers.
import { formatAddress, isLinkLocal, parseScoped, splitZone } from './address.ts'
import type { PeerConfig } from './config.ts'

/** The peer's name in the API: its address as written, or the interface of an unnumbered peer. */
export function peerName({ address, interface: link }: Pick<PeerConfig, 'address' | 'interface'>): string {
  return address ?? link ?? ''
}

/** The interface of an unnumbered peer or of a link-local address; undefined for all other peers. */
function peerLink({ address, interface: link }: PeerConfig): string | undefined {
  return link ?? splitZone(address ?? '').zone
}

/** Whether IPv6 next hops for IPv4 prefixes are negotiated (RFC 8950): as configured, else with link-local peers, whose link may have no IPv4 address. */
export function takesIpv6NextHops(config: PeerConfig): boolean {
  return config.extendedNextHop ?? peerLink(config) !== undefined
}

/** Returns the one form of an address under which peers are looked up. */
export function canonicalAddress(text: string): string {
  const bytes = parseScoped(text)
  if (bytes === undefined) return text
  const { zone } = splitZone(text)
  return zone === undefined || !isLinkLocal(bytes) ? formatAddress(bytes) : `${formatAddress(bytes)}%${zone}`
}
