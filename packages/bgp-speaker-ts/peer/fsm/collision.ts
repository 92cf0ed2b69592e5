// Collision detection: which of two connections with one peer stays (RFC 4271 section 6.8).

import type { Open } from '../../packet/open.ts'
import type { Side } from './fsm-state.ts'

/** Returns the connection that stays: the one opened by the side with the higher BGP identifier, or the higher AS number when the identifiers are equal (RFC 4271 section 6.8, RFC 6286 section 2.3). */
export function survivor(localId: number, localAsn: number, open: Open): Side {
  if (localId !== open.routerId) return localId > open.routerId ? 'outgoing' : 'incoming'
  return localAsn > open.asn ? 'outgoing' : 'incoming'
}
