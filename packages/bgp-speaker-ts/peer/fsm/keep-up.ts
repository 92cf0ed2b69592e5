// What the passing of time makes of one connection: its KEEPALIVEs and its hold timer.

import type { FsmState, Link } from './fsm-state.ts'
import { keepaliveInterval, keepaliveTimer } from './timers.ts'

export interface Tick {
  readonly now: number
  /** In [0, 1). */
  readonly random: number
  /** The clock's times of the last message in and out on the established connection. */
  readonly received: number
  readonly sent: number
}

export interface KeptUp {
  /** The same one where nothing was due. */
  readonly link: Link
  /** A KEEPALIVE is due. */
  readonly sends: boolean
}

/** Undefined: its time is over. @param most milliseconds between KEEPALIVEs, as configured */
export function keepUp(link: Link, tick: Tick, most: number | undefined): KeptUp | undefined {
  const { now, sent } = tick
  const deadline = holdDeadline(link, tick)
  if (now >= deadline) return undefined
  if (link.phase !== 'open-confirm' && link.phase !== 'established') return { link, sends: false }
  // With each KEEPALIVE of ours the hold timer starts anew from when the peer's last message came: it never wakes us up for a peer that talks.
  if (now < link.keepaliveAt)
    return { link: now < link.deadline ? link : { ...link, deadline }, sends: false }
  const quiet = now - sent
  const interval = keepaliveInterval(link.hold, most)
  if (link.phase === 'established' && quiet < (interval * 3) / 4)
    return { link: { ...link, deadline, keepaliveAt: now + interval - quiet }, sends: false }
  const keepaliveAt = keepaliveTimer(link.hold, now, tick.random, most)
  return { link: { ...link, deadline, keepaliveAt }, sends: true }
}

function holdDeadline(link: Link, { received }: Tick): number {
  if (link.phase !== 'established' || link.hold === 0) return link.deadline
  return Math.max(link.deadline, received + link.hold)
}

/** The side of the only connection, where it is established and nothing else may be due: most ticks are for the KEEPALIVE of such a one. */
export function soleSession({
  outgoing,
  incoming,
  newcomers,
}: FsmState): 'outgoing' | 'incoming' | undefined {
  if (newcomers.length > 0) return undefined
  if (incoming === undefined) return outgoing?.phase === 'established' ? 'outgoing' : undefined
  return outgoing === undefined && incoming.phase === 'established' ? 'incoming' : undefined
}
