// State, events and effects of one peer's state machine (RFC 4271 section 8).

import type { Role } from '../../config/roles.ts'
import type { RemoteAsn } from '../../config.ts'
import type { NotificationError } from '../../errors.ts'
import type { Notification } from '../../packet/notification.ts'
import type { Open } from '../../packet/open.ts'
import type { PeerState } from '../../snapshot.ts'

/** A connection of the peer: the one that we opened, the one that it opened, or the number of a newcomer. */
export type Side = 'outgoing' | 'incoming' | number

/** One TCP connection. Times are the clock's milliseconds. */
export type Link =
  | { readonly phase: 'connecting'; readonly deadline: number }
  | { readonly phase: 'open-sent'; readonly deadline: number }
  | ({
      readonly phase: 'open-confirm'
      readonly open: Open
      /** Our KEEPALIVE was sent. */
      readonly told: boolean
      /** The peer's KEEPALIVE has come. */
      readonly heard: boolean
      /** The clock's time until which it waits for what becomes of a connection that it collides with; undefined: no longer. */
      readonly waitsUntil: number | undefined
    } & Talking)
  | ({
      readonly phase: 'established'
      /** The clock's time at which the session was established. */
      readonly since: number
      /** The peer offered graceful restart. */
      readonly restarts: boolean
      readonly routerId: number
    } & Talking)

/** A connection from the peer's address that has sent no valid OPEN yet. Until then it replaces no other connection, and is only tracked (RFC 4271 section 8.2.2). */
export interface Newcomer {
  readonly number: number
  readonly link: Extract<Link, { readonly phase: 'open-sent' }>
}

interface Talking {
  /** Negotiated hold time in milliseconds; 0: no KEEPALIVEs and no timer. */
  readonly hold: number
  readonly deadline: number
  readonly keepaliveAt: number
}

export interface FsmState {
  readonly running: boolean
  /** The clock's time of the next connection attempt; Infinity: none is due. */
  readonly retryAt: number
  /** No connection of either side is taken before this time: the peer exceeded its prefix limit. */
  readonly barredUntil: number
  /** Attempts that failed since the last established session. */
  readonly failures: number
  readonly outgoing: Link | undefined
  /** It has sent its OPEN: before that it is a newcomer. */
  readonly incoming: Link | undefined
  /** The oldest first. */
  readonly newcomers: readonly Newcomer[]
}

export interface FsmConfig {
  readonly localAsn: number
  readonly localId: number
  /** AS number that the peer's OPEN must carry; `internal`: our own, `external`: any other. */
  readonly peerAsn: RemoteAsn
  /** Configured hold time in milliseconds; 0: never expires. */
  readonly hold: number
  /** Most milliseconds between KEEPALIVEs; absent: a third of the hold time. */
  readonly keepalive?: number
  readonly connectRetry: number
  /** We do not connect: the peer is configured as passive, or its address is not known yet. */
  readonly passive: boolean
  /** Our role towards the peer (RFC 9234); undefined: none. */
  readonly role: Role | undefined
  /** The peer has to say its role, too. */
  readonly roleStrict: boolean
  /** We offer graceful restart (RFC 4724). */
  readonly gracefulRestart: boolean
}

export type FsmEvent =
  | { readonly kind: 'start' }
  /** Sends the notification on every connection and stops. */
  | { readonly kind: 'stop'; readonly notification: Notification }
  /** Sends the notification on every connection and connects again. */
  | { readonly kind: 'reset'; readonly notification: Notification }
  /** A timer may have expired. `received`, `sent`: the clock's times of the last message in and out on the established connection; `heldBack`: no attempt to connect may start now. */
  | { readonly kind: 'tick'; readonly received: number; readonly sent: number; readonly heldBack?: boolean }
  /** The peer's address was found, or it changed. */
  | { readonly kind: 'located' }
  /** There is news that the peer may be there: what failed before says nothing any more. */
  | { readonly kind: 'retry' }
  | { readonly kind: 'connected' }
  | { readonly kind: 'accepted' }
  | { readonly kind: 'closed'; readonly side: Side; readonly error: string | undefined }
  | { readonly kind: 'open'; readonly side: Side; readonly open: Open }
  | { readonly kind: 'keepalive'; readonly side: Side }
  /** UPDATE or ROUTE-REFRESH outside the established state. Of two colliding connections it shows which one is the peer's session. */
  | { readonly kind: 'unexpected'; readonly side: Side }
  | { readonly kind: 'notification'; readonly side: Side; readonly notification: Notification }
  /** The peer has stopped reading for longer than the send hold time (RFC 9687). */
  | { readonly kind: 'send-hold-expired' }
  | { readonly kind: 'bad-message'; readonly side: Side; readonly error: NotificationError }

/** Why a connection ended. */
export type EndReason =
  | { readonly kind: 'sent'; readonly notification: Notification; readonly message: string }
  | { readonly kind: 'received'; readonly notification: Notification }
  | { readonly kind: 'closed'; readonly error: string | undefined }

export type Effect =
  | { readonly kind: 'connect' }
  | { readonly kind: 'send-open'; readonly side: Side }
  | { readonly kind: 'send-keepalive'; readonly side: Side }
  | { readonly kind: 'send-notification'; readonly side: Side; readonly notification: Notification }
  | { readonly kind: 'close'; readonly side: Side }
  /** A newcomer is the incoming connection from now on. */
  | { readonly kind: 'promote'; readonly newcomer: number }
  | { readonly kind: 'established'; readonly side: Side; readonly open: Open; readonly hold: number }
  /** An established session ended. */
  | { readonly kind: 'down'; readonly reason: EndReason }
  /** An attempt ended before it was established. */
  | { readonly kind: 'failed'; readonly reason: EndReason }

export interface Step {
  readonly state: FsmState
  readonly effects: readonly Effect[]
}

const SIDES = ['outgoing', 'incoming'] as const

export const INITIAL: FsmState = {
  running: false,
  retryAt: Number.POSITIVE_INFINITY,
  barredUntil: 0,
  failures: 0,
  outgoing: undefined,
  incoming: undefined,
  newcomers: [],
}

/** All connections there are, the newcomers last. */
export function sidesOf({ newcomers }: FsmState): readonly Side[] {
  return newcomers.length === 0 ? SIDES : [...SIDES, ...newcomers.map(({ number }) => number)]
}

export function linkOf(state: FsmState, side: Side): Link | undefined {
  if (typeof side !== 'number') return state[side]
  return state.newcomers.find(({ number }) => number === side)?.link
}

const PROGRESS = { connecting: 1, 'open-sent': 2, 'open-confirm': 3, established: 4 } as const
const NAMES = ['connect', 'open-sent', 'open-confirm', 'established'] as const

/** The peer's state by its RFC name: that of its more advanced connection. Asked twice an event. */
export function stateName(state: FsmState): PeerState {
  let progress = 0
  for (const side of sidesOf(state)) {
    const link = linkOf(state, side)
    if (link !== undefined) progress = Math.max(progress, PROGRESS[link.phase])
  }
  return NAMES[progress - 1] ?? (state.running ? 'active' : 'idle')
}

/** The clock's time of the earliest timer. */
export function nextDeadline(state: FsmState): number {
  let deadline = state.retryAt
  for (const side of sidesOf(state)) {
    const link = linkOf(state, side)
    if (link === undefined) continue
    deadline = Math.min(deadline, link.deadline)
    if (link.phase === 'open-confirm' || link.phase === 'established')
      deadline = Math.min(deadline, link.keepaliveAt)
    if (link.phase === 'open-confirm') deadline = Math.min(deadline, link.waitsUntil ?? deadline)
  }
  return deadline
}
