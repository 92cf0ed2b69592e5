/**
 * From the peer's OPEN to the session: of two connections collision detection (RFC 4271 section 6.8) leaves one, and one in OpenConfirm may
 * wait for what becomes of the other (collision.ts).
 */
import type { Open } from '../../packet/open.ts'
import { survivor, waits, waitsUntil } from './collision.ts'
import { type Link, sidesOf } from './fsm-state.ts'
import type { Links } from './links.ts'
import { keepaliveTimer, OPEN_HOLD } from './timers.ts'

/** Of a connection whose peer is known. */
type PeerSide = 'outgoing' | 'incoming'
type OpenConfirm = Extract<Link, { readonly phase: 'open-confirm' }>

/** The OPEN is in order. */
export function confirm(links: Links, side: PeerSide, open: Open): undefined {
  if (!mayConfirm(links, side, open)) return links.collide(side)
  const hold = Math.min(links.config.hold, open.holdTime * 1000)
  links.set(side, {
    phase: 'open-confirm',
    open,
    told: false,
    heard: false,
    waitsUntil: waitsUntil(links.state, hold, links.now),
    hold,
    deadline: links.now + (hold || OPEN_HOLD),
    keepaliveAt: Number.POSITIVE_INFINITY,
  })
}

/** Whether a connection goes on once it has received its OPEN, beside or in place of the other one. */
function mayConfirm(links: Links, side: PeerSide, open: Open): boolean {
  const otherSide = side === 'outgoing' ? 'incoming' : 'outgoing'
  const other = links.state[otherSide]
  if (other?.phase === 'established') return false
  if (other?.phase !== 'open-confirm') return true
  const { localId, localAsn } = links.config
  if (survivor(localId, localAsn, open) !== side) return false
  // Where the peer decides it may have its session over the other one already.
  if (side === 'outgoing') links.collide(otherSide)
  return true
}

/** Goes on with a connection in OpenConfirm as far as others let it: with our KEEPALIVE, and with the session once the peer's has come. */
export function advance(links: Links, side: PeerSide): void {
  const link = links.state[side]
  if (link?.phase !== 'open-confirm') return
  const waiting = waits(links.config, links.state, side, links.now)
  // Where one that we opened waits it is for the peer to decide, which needs our KEEPALIVE for that.
  if (!link.told && (!waiting || side === 'outgoing')) tell(links, side, link)
  if (!waiting && link.heard) establish(links, side)
  else if (!waiting) endWait(links, side)
}

/** Sends our KEEPALIVE. Another connection that has waited for that, or for whose end this one has waited, is over: the peer can have its session over this one from now on. */
function tell(links: Links, side: PeerSide, link: OpenConfirm): void {
  const { localId, localAsn, keepalive } = links.config
  const decided =
    links.state.outgoing?.phase === 'open-confirm' || survivor(localId, localAsn, link.open) === 'outgoing'
  if (side === 'incoming' && decided) links.collide('outgoing')
  links.effects.push({ kind: 'send-keepalive', side })
  const keepaliveAt = keepaliveTimer(link.hold, links.now, links.random, keepalive)
  links.set(side, { ...link, told: true, keepaliveAt })
}

function endWait(links: Links, side: PeerSide): void {
  const link = links.state[side]
  if (link?.phase === 'open-confirm' && links.now >= (link.waitsUntil ?? Number.POSITIVE_INFINITY))
    links.set(side, { ...link, waitsUntil: undefined })
}

export function establish(links: Links, side: PeerSide): void {
  const link = links.state[side]
  if (link?.phase !== 'open-confirm') return
  for (const other of sidesOf(links.state)) if (other !== side) links.collide(other)
  const { open, hold, keepaliveAt } = link
  links.set(side, {
    phase: 'established',
    since: links.now,
    restarts: open.capabilities.some(({ kind }) => kind === 'graceful-restart'),
    routerId: open.routerId,
    hold,
    deadline: hold === 0 ? Number.POSITIVE_INFINITY : links.now + hold,
    keepaliveAt,
  })
  links.state = { ...links.state, failures: 0, retryAt: Number.POSITIVE_INFINITY }
  links.effects.push({ kind: 'established', side, open, hold })
}
