// Codec of Router Solicitation and Router Advertisement, as far as routers need them to find each other (RFC 4861 sections 4.1 and 4.2).

export type DiscoveryMessage =
  | { readonly kind: 'solicitation' }
  /** `lifetime`: seconds that the sender offers to be a default router; 0: it is none, but still a neighbour. */
  | { readonly kind: 'advertisement'; readonly lifetime: number }

export const ROUTER_SOLICITATION = 133
export const ROUTER_ADVERTISEMENT = 134
/** RFC 4291 section 2.7.1. */
export const ALL_NODES = 'ff02::1'
export const ALL_ROUTERS = 'ff02::2'

/** The hop limit that FRR and most routers advertise to hosts. */
const HOP_LIMIT = 64

//  Solicitation:  | Type | Code | Checksum (2) | Reserved (4) | Options
//  Advertisement: | Type | Code | Checksum (2) | Hop limit | Flags | Lifetime (2) | Reachable time (4) | Retransmission timer (4) | Options

const SOLICITATION_LENGTH = 8
const ADVERTISEMENT_LENGTH = 16

/** Encodes a message without its checksum, which the kernel fills in (RFC 3542 section 3.1). */
export function encodeDiscovery(message: DiscoveryMessage): Uint8Array {
  if (message.kind === 'solicitation') {
    const bytes = new Uint8Array(SOLICITATION_LENGTH)
    bytes[0] = ROUTER_SOLICITATION
    return bytes
  }
  const bytes = new Uint8Array(ADVERTISEMENT_LENGTH)
  bytes[0] = ROUTER_ADVERTISEMENT
  bytes[4] = HOP_LIMIT
  bytes[6] = message.lifetime >> 8
  bytes[7] = message.lifetime
  return bytes
}

/** Decodes a message; undefined when it is neither of the two or not valid (RFC 4861 sections 6.1.1 and 6.1.2). The socket has checked hop limit and checksum. */
export function decodeDiscovery(bytes: Uint8Array): DiscoveryMessage | undefined {
  const [type, code] = bytes
  if (code !== 0) return undefined
  if (type === ROUTER_SOLICITATION)
    return hasValidOptions(bytes, SOLICITATION_LENGTH) ? { kind: 'solicitation' } : undefined
  if (type !== ROUTER_ADVERTISEMENT || !hasValidOptions(bytes, ADVERTISEMENT_LENGTH)) return undefined
  return { kind: 'advertisement', lifetime: (bytes[6]! << 8) | bytes[7]! }
}

//  Option: | Type | Length in units of 8 bytes | …

function hasValidOptions(bytes: Uint8Array, start: number): boolean {
  let at = start
  while (at + 1 < bytes.length && bytes[at + 1] !== 0) at += 8 * bytes[at + 1]!
  return at === bytes.length
}
