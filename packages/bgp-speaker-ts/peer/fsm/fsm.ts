// The state machine of one peer (RFC 4271 section 8) as a pure function: step(state, event) -> {state, effects}.
// A peer may have two connections at once, one that we opened and one that it opened, until collision detection (6.8) leaves one.

import { assertNever } from '../../errors.ts'
import { CEASE, ERROR, FSM_ERROR } from '../../packet/codes.ts'
import type { Notification } from '../../packet/notification.ts'
import type { Open } from '../../packet/open.ts'
import { survivor } from './collision.ts'
import {
  type Effect,
  type EndReason,
  type FsmConfig,
  type FsmEvent,
  type FsmState,
  INITIAL,
  type Link,
  type Side,
  type Step,
} from './fsm-state.ts'
import { openProblem } from './open-check.ts'

/** RFC 4271 section 8.2.2 suggests a hold time of four minutes while waiting for an OPEN. */
const OPEN_HOLD = 240_000
const CONNECT_TIMEOUT = 10_000
const FIRST_RETRY = 1000
/** Milliseconds that a peer is barred after it exceeded its prefix limit. */
const BARRED = 60_000
/** Milliseconds after which a second connection is the peer's return, and no longer the late one of a collision. */
const SETTLED = 10_000
const NONE = new Uint8Array(0)

/** `now` in milliseconds, `random` in [0, 1). */
export function step(config: FsmConfig, state: FsmState, event: FsmEvent, now: number, random: number): Step {
  const machine = new Machine(config, state, now, random)
  machine.handle(event)
  return { state: machine.state, effects: machine.effects }
}

/** Working state of one step; it lives only inside `step`. */
class Machine {
  state: FsmState
  readonly effects: Effect[] = []
  readonly #config: FsmConfig
  readonly #now: number
  readonly #random: number

  constructor(config: FsmConfig, state: FsmState, now: number, random: number) {
    this.#config = config
    this.state = state
    this.#now = now
    this.#random = random
  }

  handle(event: FsmEvent): void {
    switch (event.kind) {
      case 'start':
        this.#start()
        break
      case 'stop':
        this.state = { ...this.state, running: false, retryAt: Number.POSITIVE_INFINITY }
        this.#endAll(event.notification)
        break
      case 'reset':
        this.#endAll(event.notification)
        break
      case 'tick':
        this.#tick(event.received, event.sent)
        break
      case 'located':
        this.#located()
        break
      case 'connected':
        if (this.state.outgoing?.phase === 'connecting') this.#sendOpen('outgoing')
        break
      case 'accepted':
        this.#accepted()
        break
      case 'closed':
        if (this.state[event.side] !== undefined)
          this.#ended(event.side, { kind: 'closed', error: event.error })
        break
      case 'open':
        this.#open(event.side, event.open)
        break
      case 'keepalive':
        this.#keepalive(event.side)
        break
      case 'unexpected':
        this.#unexpected(event.side)
        break
      case 'notification':
        if (this.state[event.side] === undefined) break
        this.effects.push({ kind: 'close', side: event.side })
        this.#ended(event.side, { kind: 'received', notification: event.notification })
        break
      case 'send-hold-expired':
        for (const side of ['outgoing', 'incoming'] as const)
          this.#fail(side, ERROR.SEND_HOLD_TIMER, 0, 'send hold timer expired')
        break
      case 'bad-message':
        this.#fail(event.side, event.error.code, event.error.subcode, event.error.message, event.error.data)
        break
      default:
        assertNever(event)
    }
  }

  #start(): void {
    if (this.state.running) return
    this.state = { ...INITIAL, running: true }
    if (!this.#config.passive) this.#connect()
  }

  #located(): void {
    const { running, outgoing, incoming, barredUntil } = this.state
    if (!running || this.#config.passive || this.#now < barredUntil) return
    // An attempt at the old address cannot succeed.
    if (outgoing?.phase === 'connecting') this.effects.push({ kind: 'close', side: 'outgoing' })
    if (incoming === undefined && (outgoing === undefined || outgoing.phase === 'connecting')) this.#connect()
  }

  #connect(): void {
    this.effects.push({ kind: 'connect' })
    const link: Link = { phase: 'connecting', deadline: this.#now + CONNECT_TIMEOUT }
    this.state = { ...this.state, retryAt: Number.POSITIVE_INFINITY, outgoing: link }
  }

  #sendOpen(side: Side): void {
    this.effects.push({ kind: 'send-open', side })
    this.#set(side, { phase: 'open-sent', deadline: this.#now + OPEN_HOLD })
  }

  #accepted(): void {
    // The new connection has no side yet: its owner closes it when no `send-open` follows.
    if (!this.state.running || this.#now < this.state.barredUntil) return
    for (const side of ['outgoing', 'incoming'] as const)
      if (this.state[side]?.phase === 'established' && !this.#replaced(side)) return
    // The peer has given up its earlier connection, or it would not have opened another.
    if (this.state.incoming !== undefined)
      this.#fail('incoming', ERROR.CEASE, CEASE.COLLISION, 'the peer connected again')
    this.#sendOpen('incoming')
  }

  /** A peer that restarts gracefully may connect before we notice the end of its session: then that session ends now (RFC 4724 section 5). Returns false when the session goes on. */
  #replaced(side: Side): boolean {
    const link = this.state[side]
    if (link?.phase !== 'established' || !this.#config.gracefulRestart) return false
    if (!link.restarts || this.#now - link.since < SETTLED) return false
    this.effects.push({ kind: 'close', side })
    this.#ended(side, { kind: 'closed', error: 'the peer connected again' })
    return true
  }

  #open(side: Side, open: Open): undefined {
    const link = this.state[side]
    if (link === undefined) return
    if (link.phase !== 'open-sent') return this.#unexpected(side)
    const problem = openProblem(this.#config, open)
    if (problem !== undefined) return this.#fail(side, ERROR.OPEN, problem.subcode, problem.message)
    if (!this.#winsCollision(side, open))
      return this.#fail(side, ERROR.CEASE, CEASE.COLLISION, 'connection collision')
    const hold = Math.min(this.#config.hold, open.holdTime * 1000)
    this.effects.push({ kind: 'send-keepalive', side })
    this.#set(side, {
      phase: 'open-confirm',
      open,
      hold,
      deadline: this.#now + (hold || OPEN_HOLD),
      keepaliveAt: this.#nextKeepalive(hold),
    })
  }

  /** Resolves a collision once both connections have received an OPEN. Returns false when this one loses. */
  #winsCollision(side: Side, open: Open): boolean {
    const otherSide = side === 'outgoing' ? 'incoming' : 'outgoing'
    const other = this.state[otherSide]
    if (other?.phase === 'established') return false
    if (other?.phase !== 'open-confirm') return true
    if (survivor(this.#config.localId, this.#config.localAsn, open) !== side) return false
    this.#fail(otherSide, ERROR.CEASE, CEASE.COLLISION, 'connection collision')
    return true
  }

  #keepalive(side: Side): undefined {
    const link = this.state[side]
    if (link === undefined || link.phase === 'established') return
    if (link.phase !== 'open-confirm') return this.#unexpected(side)
    const otherSide = side === 'outgoing' ? 'incoming' : 'outgoing'
    const other = this.state[otherSide]
    if (other !== undefined) this.#fail(otherSide, ERROR.CEASE, CEASE.COLLISION, 'connection collision')
    const { open, hold, keepaliveAt } = link
    const deadline = hold === 0 ? Number.POSITIVE_INFINITY : this.#now + hold
    const restarts = open.capabilities.some(({ kind }) => kind === 'graceful-restart')
    this.#set(side, { phase: 'established', since: this.#now, restarts, hold, deadline, keepaliveAt })
    this.state = { ...this.state, failures: 0, retryAt: Number.POSITIVE_INFINITY }
    this.effects.push({ kind: 'established', side, open, hold })
  }

  #unexpected(side: Side): undefined {
    const phase = this.state[side]?.phase
    if (phase === undefined || phase === 'connecting') return
    const subcode =
      phase === 'open-sent'
        ? FSM_ERROR.IN_OPEN_SENT
        : phase === 'open-confirm'
          ? FSM_ERROR.IN_OPEN_CONFIRM
          : FSM_ERROR.IN_ESTABLISHED
    this.#fail(side, ERROR.FSM, subcode, `unexpected message in ${phase}`)
  }

  #tick(received: number, sent: number): void {
    for (const side of ['outgoing', 'incoming'] as const) {
      const link = this.state[side]
      if (link === undefined) continue
      if (this.#now >= link.deadline && !this.#extended(side, link, received)) this.#timeout(side, link)
      else this.#keepTalking(side, sent)
    }
    const { running, outgoing, incoming, retryAt } = this.state
    if (!running || outgoing !== undefined || incoming !== undefined || this.#now < retryAt) return
    if (!this.#config.passive) this.#connect()
    else this.state = { ...this.state, retryAt: Number.POSITIVE_INFINITY }
  }

  /** Moves the hold deadline of an established connection by the last received message. */
  #extended(side: Side, link: Link, received: number): boolean {
    if (link.phase !== 'established' || received + link.hold <= this.#now) return false
    this.#set(side, { ...link, deadline: received + link.hold })
    return true
  }

  #timeout(side: Side, link: Link): undefined {
    if (link.phase !== 'connecting') return this.#fail(side, ERROR.HOLD_TIMER, 0, 'hold timer expired')
    this.effects.push({ kind: 'close', side })
    this.#ended(side, { kind: 'closed', error: 'connect timed out' })
  }

  #keepTalking(side: Side, sent: number): void {
    const link = this.state[side]
    if (link === undefined || (link.phase !== 'open-confirm' && link.phase !== 'established')) return
    if (this.#now < link.keepaliveAt) return
    const quiet = this.#now - sent
    if (link.phase === 'established' && quiet < link.hold / 4) {
      this.#set(side, { ...link, keepaliveAt: this.#now + link.hold / 3 - quiet })
      return
    }
    this.effects.push({ kind: 'send-keepalive', side })
    this.#set(side, { ...link, keepaliveAt: this.#nextKeepalive(link.hold) })
  }

  /** The KEEPALIVE interval: a third of the hold time, shortened by up to a quarter of it as jitter (RFC 4271 section 10). */
  #nextKeepalive(hold: number): number {
    return hold === 0 ? Number.POSITIVE_INFINITY : this.#now + (hold / 3) * (1 - this.#random / 4)
  }

  #endAll(notification: Notification): void {
    for (const side of ['outgoing', 'incoming'] as const) {
      this.#fail(side, notification.code, notification.subcode, 'administratively', notification.data)
    }
  }

  /** Closes a connection, after a NOTIFICATION where the peer can read one. */
  #fail(side: Side, code: number, subcode: number, message: string, data: Uint8Array = NONE): undefined {
    const link = this.state[side]
    if (link === undefined) return
    const notification = { code, subcode, data }
    if (link.phase !== 'connecting') this.effects.push({ kind: 'send-notification', side, notification })
    this.effects.push({ kind: 'close', side })
    this.#ended(side, { kind: 'sent', notification, message })
  }

  #ended(side: Side, reason: EndReason): void {
    const established = this.state[side]?.phase === 'established'
    this.effects.push({ kind: established ? 'down' : 'failed', reason })
    this.#set(side, undefined)
    const notification = reason.kind === 'sent' ? reason.notification : undefined
    if (notification?.code === ERROR.CEASE && notification.subcode === CEASE.MAX_PREFIXES)
      this.state = { ...this.state, barredUntil: this.#now + BARRED }
    const { running, outgoing, incoming, failures } = this.state
    if (!running || outgoing !== undefined || incoming !== undefined || this.#config.passive) return
    const delay = Math.max(
      this.state.barredUntil - this.#now,
      Math.min(this.#config.connectRetry, FIRST_RETRY * 2 ** Math.min(failures, 20)),
    )
    this.state = {
      ...this.state,
      failures: failures + 1,
      retryAt: this.#now + delay * (1 - this.#random / 4),
    }
  }

  #set(side: Side, link: Link | undefined): void {
    this.state = side === 'outgoing' ? { ...this.state, outgoing: link } : { ...this.state, incoming: link }
  }
}
