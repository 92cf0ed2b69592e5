// Two connections with one peer: which of them stays (RFC 4271 section 6.8).

import type { Open } from '../../packet/open.ts'
import type { Side } from './fsm-state.ts'

/** Which connection a collision leaves: that of the side with the higher BGP identifier, or AS number where they are equal (RFC 4271 6.8, RFC 6286 2.3). */
export function survivor(localId: number, localAsn: number, open: Open): Side {
  if (localId !== open.routerId) return localId > open.routerId ? 'outgoing' : 'incoming'
  return localAsn > open.asn ? 'outgoing' : 'incoming'
}
