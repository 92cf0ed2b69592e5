// What a peer is called, and where its configuration says that it is.
import { formatAddress, isLinkLocal, parseScoped, splitZone } from './address.ts'
import type { PeerConfig } from './config.ts'

/** The peer's name in the API: its address as written, or the interface of an unnumbered peer. */
export function peerName({ address, interface: link }: Pick<PeerConfig, 'address' | 'interface'>): string {
  return address ?? link ?? ''
}

/** The interface of a peer with a link-local address, known or not; undefined: it is reached from anywhere. */
function peerLink({ address, interface: link }: PeerConfig): string | undefined {
  return link ?? splitZone(address ?? '').zone
}

/** IPv4 prefixes may come with IPv6 next hops (RFC 8950): as configured, else where there is no IPv4 address to be one. */
export function takesIpv6NextHops(config: PeerConfig): boolean {
  return config.extendedNextHop ?? peerLink(config) !== undefined
}

/** One form for each address: to look peers up by. */
export function canonicalAddress(text: string): string {
  const bytes = parseScoped(text)
  if (bytes === undefined) return text
  const { zone } = splitZone(text)
  return zone === undefined || !isLinkLocal(bytes) ? formatAddress(bytes) : `${formatAddress(bytes)}%${zone}`
}
