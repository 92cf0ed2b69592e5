// Only to Customer (RFC 9234 section 5): a route that came from a provider, a peer or a route server goes to customers only. The attribute
// marks such routes, so that one which comes back the other way is known as a leak.
import type { Role } from '../config/roles.ts'

/** What the attribute of a received route means. */
export interface OtcIngress {
  /** Routes with it are leaks: all, those with another AS number than the peer's own, or none. */
  readonly leaks: 'all' | 'others' | 'none'
  /** The AS number of the attribute that a route without it gets; 0: none. */
  readonly adds: number
  readonly remoteAsn: number
}

export const NO_ROLE: OtcIngress = { leaks: 'none', adds: 0, remoteAsn: 0 }

/** @param role ours */
export function otcIngress(role: Role | undefined, remoteAsn: number): OtcIngress {
  switch (role) {
    case undefined:
      return NO_ROLE
    case 'provider':
    case 'rs':
      return { leaks: 'all', adds: 0, remoteAsn }
    case 'peer':
      return { leaks: 'others', adds: remoteAsn, remoteAsn }
    case 'customer':
    case 'rs-client':
      return { leaks: 'none', adds: remoteAsn, remoteAsn }
  }
}

/** Whether a received route with the attribute is a leak. @param value of the attribute; negative: it has none */
export function isLeak({ leaks, remoteAsn }: OtcIngress, value: number): boolean {
  return value >= 0 && (leaks === 'all' || (leaks === 'others' && value !== remoteAsn))
}

/** Routes with the attribute are not sent to this peer. @param role ours */
export function keepsFromPeer(role: Role | undefined): boolean {
  return role === 'customer' || role === 'peer' || role === 'rs-client'
}

/** Routes without the attribute get it, with our AS number, on the way to this peer. @param role ours */
export function marksForPeer(role: Role | undefined): boolean {
  return role === 'provider' || role === 'peer' || role === 'rs'
}
