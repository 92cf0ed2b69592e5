// Collision detection: which of two connections with one peer stays (RFC 4271 section 6.8).

import type { Open } from '../../packet/open.ts'
import type { FsmConfig, Link, Side } from './fsm-state.ts'

/** Milliseconds after which a second connection is the peer's return, and no longer the late one of a collision. */
const SETTLED = 10_000

/** Returns the connection that stays: the one opened by the side with the higher BGP identifier, or the higher AS number when the identifiers are equal (RFC 4271 section 6.8, RFC 6286 section 2.3). */
export function survivor(localId: number, localAsn: number, open: Open): Side {
  if (localId !== open.routerId) return localId > open.routerId ? 'outgoing' : 'incoming'
  return localAsn > open.asn ? 'outgoing' : 'incoming'
}

/**
 * Whether a peer that connects while its session is up may be one that restarts gracefully and is back before we noticed the end of that
 * session. The session then ends in favour of the new connection (RFC 4724 section 4.2): here only once that has sent the peer's OPEN,
 * because anybody who can connect from the peer's address could end the session otherwise.
 */
export function mayReturn({ gracefulRestart }: FsmConfig, link: Link, now: number): boolean {
  return link.phase === 'established' && gracefulRestart && link.restarts && now - link.since >= SETTLED
}

/** Whether a newcomer with this OPEN takes the place of a connection that has sent its own. Identifiers that differ are two speakers: then the connection stays that is established, or that we opened at the peer's address. */
export function yields(side: Side, link: Link, open: Open): boolean {
  if (link.phase === 'established') return link.routerId === open.routerId
  return side !== 'outgoing' || link.phase !== 'open-confirm' || link.open.routerId === open.routerId
}
