/**
 * Who can connect from the peer's address is not the peer yet: a connection that it opened stays a newcomer until its valid OPEN. Newcomers
 * share nothing with the other connections: one that says nonsense, nothing, or another AS ends alone, and holds up no attempt of ours.
 */
import type { Open } from '../../packet/open.ts'
import { mayReturn, yields } from './collision.ts'
import { linkOf } from './fsm-state.ts'
import type { Links } from './links.ts'

/** Newcomers at a time. One more ends the oldest: whoever holds connections open in silence does not keep the peer out. */
const MAX_NEWCOMERS = 4
const AGAIN = 'the peer connected again'

/** The new connection has no number yet: its owner closes it when no `send-open` follows. */
export function accepted(links: Links): void {
  const { running, barredUntil, outgoing, incoming, newcomers } = links.state
  if (!running || links.now < barredUntil) return
  for (const link of [outgoing, incoming])
    if (link?.phase === 'established' && !mayReturn(links.config, link, links.now)) return
  const [oldest] = newcomers
  if (oldest !== undefined && newcomers.length >= MAX_NEWCOMERS) links.collide(oldest.number, AGAIN)
  links.sendOpen((newcomers.at(-1)?.number ?? 0) + 1)
}

/** A newcomer is the peer: it takes the place of what the peer opened before, and of its session. Returns false when that stays. */
export function promote(links: Links, newcomer: number, open: Open): boolean {
  for (const side of ['outgoing', 'incoming'] as const) {
    const link = links.state[side]
    if (link !== undefined && !yields(side, link, open)) return false
  }
  for (const side of ['outgoing', 'incoming'] as const)
    if (links.state[side]?.phase === 'established') links.close(side, { kind: 'closed', error: AGAIN })
  // The peer has given up its earlier connection, or it would not have opened another.
  links.collide('incoming', AGAIN)
  links.effects.push({ kind: 'promote', newcomer })
  links.set('incoming', linkOf(links.state, newcomer))
  links.set(newcomer, undefined)
  links.state = { ...links.state, retryAt: Number.POSITIVE_INFINITY }
  return true
}
