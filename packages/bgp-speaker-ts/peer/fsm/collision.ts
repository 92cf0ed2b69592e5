// Collision detection: which of two connections with one peer stays (RFC 4271 section 6.8).
//
// By the letter of the RFC both may be closed: one end has its session over the first connection, and closes the second, while the other
// end still waits for the KEEPALIVE of the first, hears the OPEN of the second, and closes the first. An end can have its session only over
// a connection on which the other has sent a KEEPALIVE. So we send one on a single connection of the two:
//
//   we have the higher identifier   what the peer opened waits for our own connection to get its OPEN, and is closed then
//   the peer has it                 it decides: what we opened is no session while a connection of the peer's is open; its KEEPALIVE on
//                                   that one, or the end of either, says which one stays

import type { Open } from '../../packet/open.ts'
import type { FsmConfig, FsmState, Link, Side } from './fsm-state.ts'
import { CONNECT_TIMEOUT } from './timers.ts'

/** Milliseconds after which a second connection is the peer's return, and no longer the late one of a collision. */
const SETTLED = 10_000

/** Milliseconds that a connection waits for what becomes of the other, which may never say anything. */
const COLLISION_WAIT = 5000
/** Milliseconds after which an attempt that nobody has answered is waited for no longer: there may be a firewall. */
const UNANSWERED = 1000

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

/** Until when a connection in OpenConfirm with this hold time waits for what becomes of the other: not for so long that the hold timer expires. */
export function waitsUntil({ outgoing }: FsmState, hold: number, now: number): number {
  const most = now + (hold === 0 ? COLLISION_WAIT : Math.min(COLLISION_WAIT, hold / 3))
  return outgoing?.phase === 'connecting'
    ? Math.min(most, outgoing.deadline - CONNECT_TIMEOUT + UNANSWERED)
    : most
}

/** Whether a connection in OpenConfirm must not become the session yet, because another one may. */
export function waits(
  { localId, localAsn }: FsmConfig,
  state: FsmState,
  side: 'outgoing' | 'incoming',
  now: number,
): boolean {
  const link = state[side]
  if (link?.phase !== 'open-confirm' || now >= (link.waitsUntil ?? 0)) return false
  const other = state[side === 'outgoing' ? 'incoming' : 'outgoing']?.phase
  if (survivor(localId, localAsn, link.open) === 'outgoing')
    return side === 'incoming' && (other === 'connecting' || other === 'open-sent')
  if (side === 'outgoing') return state.newcomers.length > 0 || other === 'open-confirm'
  return other === 'open-confirm' && !link.heard
}
