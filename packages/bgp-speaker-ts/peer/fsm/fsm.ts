// The state machine of one peer (RFC 4271 section 8) as a pure function: step(state, event) -> {state, effects}.
// A peer may have two connections at once, one that we opened and one that it opened, until collision detection (6.8) leaves one
// (open-confirm.ts); what it opened is a newcomer until its OPEN (newcomers.ts):
//
//   outgoing:  connect --> open-sent --OPEN--> open-confirm --KEEPALIVE--> established
//   newcomers: accepted -> open-sent --OPEN--> incoming: open-confirm --KEEPALIVE--> established

import { assertNever } from '../../errors.ts'
import { ERROR, FSM_ERROR } from '../../packet/codes.ts'
import type { Open } from '../../packet/open.ts'
import { waitsUntil } from './collision.ts'
import {
  type FsmConfig,
  type FsmEvent,
  type FsmState,
  INITIAL,
  type Link,
  linkOf,
  type Side,
  type Step,
  sidesOf,
} from './fsm-state.ts'
import { keepUp } from './keep-up.ts'
import { Links } from './links.ts'
import { accepted, promote } from './newcomers.ts'
import { isSameOpen, openProblem } from './open-check.ts'
import { advance, confirm, establish } from './open-confirm.ts'

/** Subcodes for a message that does not belong into a phase (RFC 6608). */
const UNEXPECTED = {
  'open-sent': FSM_ERROR.IN_OPEN_SENT,
  'open-confirm': FSM_ERROR.IN_OPEN_CONFIRM,
  established: FSM_ERROR.IN_ESTABLISHED,
} as const

/** `now` in milliseconds, `random` in [0, 1). */
export function step(config: FsmConfig, state: FsmState, event: FsmEvent, now: number, random: number): Step {
  const links = new Links(config, state, now, random)
  take(links, event)
  advance(links, 'outgoing')
  advance(links, 'incoming')
  return { state: links.state, effects: links.effects }
}

function take(links: Links, event: FsmEvent): void {
  switch (event.kind) {
    case 'start':
      start(links)
      break
    case 'stop':
      links.state = { ...links.state, running: false, retryAt: Number.POSITIVE_INFINITY }
      links.endAll(event.notification)
      break
    case 'reset':
      links.endAll(event.notification)
      break
    case 'tick':
      for (const side of sidesOf(links.state)) tick(links, side, event.received, event.sent)
      if (event.heldBack !== true) retry(links)
      break
    case 'located':
      located(links)
      break
    case 'retry':
      links.state = { ...links.state, failures: 0 }
      located(links)
      break
    case 'connected':
      connected(links)
      break
    case 'accepted':
      accepted(links)
      break
    case 'closed':
      if (linkOf(links.state, event.side) !== undefined)
        links.ended(event.side, { kind: 'closed', error: event.error })
      break
    case 'open':
      opened(links, event.side, event.open)
      break
    case 'keepalive':
      heard(links, event.side)
      break
    case 'unexpected':
      unexpected(links, event.side)
      break
    case 'notification':
      if (linkOf(links.state, event.side) !== undefined)
        links.close(event.side, { kind: 'received', notification: event.notification })
      break
    case 'send-hold-expired':
      for (const side of sidesOf(links.state))
        links.fail(side, ERROR.SEND_HOLD_TIMER, 0, 'send hold timer expired')
      break
    case 'bad-message': {
      const { code, subcode, message, data } = event.error
      links.fail(event.side, code, subcode, message, data)
      break
    }
    default:
      assertNever(event)
  }
}

function start(links: Links): void {
  if (links.state.running) return
  links.state = { ...INITIAL, running: true }
  if (!links.config.passive) links.connect()
}

/** Where the peer is, is known, or known anew. */
function located(links: Links): void {
  const { running, outgoing, incoming, barredUntil } = links.state
  if (!running || links.config.passive || links.now < barredUntil) return
  // An attempt at the old address cannot succeed; one that nobody has answered yet waits for its next SYN, for seconds.
  if (outgoing?.phase === 'connecting') links.effects.push({ kind: 'close', side: 'outgoing' })
  if (incoming === undefined && (outgoing === undefined || outgoing.phase === 'connecting')) links.connect()
}

function connected(links: Links): void {
  if (links.state.outgoing?.phase !== 'connecting') return
  links.sendOpen('outgoing')
  const { incoming } = links.state
  if (incoming?.phase === 'open-confirm')
    links.set('incoming', { ...incoming, waitsUntil: waitsUntil(links.state, incoming.hold, links.now) })
}

function opened(links: Links, side: Side, open: Open): undefined {
  const link = linkOf(links.state, side)
  if (link === undefined) return
  // Told twice (OpenBGPD also sends the one that it queued for an attempt that failed): RFC 4271 section 8.2.2 looks for a collision, and there is none.
  if (link.phase === 'open-confirm' && isSameOpen(link.open, open)) return
  if (link.phase !== 'open-sent') return unexpected(links, side)
  const problem = openProblem(links.config, open)
  if (problem !== undefined) return links.fail(side, ERROR.OPEN, problem.subcode, problem.message)
  if (side === 'outgoing') confirm(links, side, open)
  else if (typeof side === 'number' && promote(links, side, open)) confirm(links, 'incoming', open)
  else links.collide(side)
}

/** A KEEPALIVE has come. */
function heard(links: Links, side: Side): undefined {
  const link = linkOf(links.state, side)
  if (link === undefined || link.phase === 'established') return
  if (link.phase !== 'open-confirm') return unexpected(links, side)
  if (!link.heard)
    links.set(side, { ...link, heard: true, waitsUntil: waitsUntil(links.state, link.hold, links.now) })
}

function unexpected(links: Links, side: Side): undefined {
  const link = linkOf(links.state, side)
  if (link === undefined || link.phase === 'connecting') return
  // The peer sends routes: of two connections it has chosen this one.
  if (link.phase === 'open-confirm' && link.told && link.heard && typeof side !== 'number')
    return void establish(links, side)
  links.fail(side, ERROR.FSM, UNEXPECTED[link.phase], `unexpected message in ${link.phase}`)
}

function tick(links: Links, side: Side, received: number, sent: number): void {
  const link = linkOf(links.state, side)
  if (link === undefined) return
  const { now, random, config } = links
  const next = keepUp(link, { now, random, received, sent }, config.keepalive)
  if (next?.sends) links.effects.push({ kind: 'send-keepalive', side })
  if (next === undefined) timeout(links, side, link)
  else if (next.link !== link) links.set(side, next.link)
}

function timeout(links: Links, side: Side, link: Link): undefined {
  if (link.phase !== 'connecting') return links.fail(side, ERROR.HOLD_TIMER, 0, 'hold timer expired')
  links.close(side, { kind: 'closed', error: 'connect timed out' })
}

/** Connects again where it is time for that. */
function retry(links: Links): void {
  const { running, outgoing, incoming, retryAt } = links.state
  if (!running || outgoing !== undefined || incoming !== undefined || links.now < retryAt) return
  if (!links.config.passive) links.connect()
  else links.state = { ...links.state, retryAt: Number.POSITIVE_INFINITY }
}
