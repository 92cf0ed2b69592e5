// What the state machine of one peer works on (RFC 4271 section 8): its state, its events and its effects.
import type { RemoteAsn } from '../../config.ts'
import type { NotificationError } from '../../errors.ts'
import type { Notification } from '../../packet/notification.ts'
import type { Open } from '../../packet/open.ts'
import type { PeerState } from '../../snapshot.ts'

export type Side = 'outgoing' | 'incoming'

/** One TCP connection. Times are the clock's milliseconds. */
export type Link =
  | { readonly phase: 'connecting'; readonly deadline: number }
  | { readonly phase: 'open-sent'; readonly deadline: number }
  | ({ readonly phase: 'open-confirm'; readonly open: Open } & Talking)
  | ({
      readonly phase: 'established'
      /** When it came to this phase. */
      readonly since: number
      /** The peer offered graceful restart. */
      readonly restarts: boolean
    } & Talking)

interface Talking {
  /** As negotiated, milliseconds; 0: no keepalives. */
  readonly hold: number
  readonly deadline: number
  readonly keepaliveAt: number
}

export interface FsmState {
  readonly running: boolean
  /** When to connect again; Infinity: not by itself. */
  readonly retryAt: number
  /** Until then nobody connects, in either direction: the peer sent too much. */
  readonly barredUntil: number
  /** Attempts that failed since the last established session. */
  readonly failures: number
  readonly outgoing: Link | undefined
  readonly incoming: Link | undefined
}

export interface FsmConfig {
  readonly localAsn: number
  readonly localId: number
  /** The AS number that the peer must have; `internal`: our own, `external`: any other. */
  readonly peerAsn: RemoteAsn
  /** Milliseconds; 0: never. */
  readonly hold: number
  readonly connectRetry: number
  /** We wait for the peer to connect, or do not know yet where it is. */
  readonly passive: boolean
  /** We offer graceful restart (RFC 4724). */
  readonly gracefulRestart: boolean
}

export type FsmEvent =
  | { readonly kind: 'start' }
  /** Ends everything; the notification is sent on every connection. */
  | { readonly kind: 'stop'; readonly notification: Notification }
  /** Ends the connections but connects again. */
  | { readonly kind: 'reset'; readonly notification: Notification }
  /** `received` and `sent`: when the last message came in and went out on the established connection. */
  | { readonly kind: 'tick'; readonly received: number; readonly sent: number }
  /** It is known where the peer is, or that it is elsewhere now. */
  | { readonly kind: 'located' }
  | { readonly kind: 'connected' }
  | { readonly kind: 'accepted' }
  | { readonly kind: 'closed'; readonly side: Side; readonly error: string | undefined }
  | { readonly kind: 'open'; readonly side: Side; readonly open: Open }
  | { readonly kind: 'keepalive'; readonly side: Side }
  /** UPDATE or ROUTE-REFRESH outside the established state. */
  | { readonly kind: 'unexpected'; readonly side: Side }
  | { readonly kind: 'notification'; readonly side: Side; readonly notification: Notification }
  /** Nothing that we sent was taken for too long (RFC 9687). */
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
  | { readonly kind: 'established'; readonly side: Side; readonly open: Open; readonly hold: number }
  /** An established session ended. */
  | { readonly kind: 'down'; readonly reason: EndReason }
  /** An attempt ended before it was established. */
  | { readonly kind: 'failed'; readonly reason: EndReason }

export interface Step {
  readonly state: FsmState
  readonly effects: readonly Effect[]
}

export const INITIAL: FsmState = {
  running: false,
  retryAt: Number.POSITIVE_INFINITY,
  barredUntil: 0,
  failures: 0,
  outgoing: undefined,
  incoming: undefined,
}

/** The peer's state in the RFC's words: that of its more advanced connection. */
export function stateName(state: FsmState): PeerState {
  const phases = [state.outgoing?.phase, state.incoming?.phase]
  for (const phase of ['established', 'open-confirm', 'open-sent'] as const)
    if (phases.includes(phase)) return phase
  if (phases.includes('connecting')) return 'connect'
  return state.running ? 'active' : 'idle'
}

/** When `tick` has something to do, at the earliest. */
export function nextDeadline(state: FsmState): number {
  let deadline = state.retryAt
  for (const link of [state.outgoing, state.incoming]) {
    if (link === undefined) continue
    deadline = Math.min(deadline, link.deadline)
    if (link.phase === 'open-confirm' || link.phase === 'established')
      deadline = Math.min(deadline, link.keepaliveAt)
  }
  return deadline
}
