// The state machine of one peer (RFC 4271 section 8) as a pure function: step(state, event) -> {state, effects}.
// A peer may have two connections at once, one that we opened and one that it opened, until collision detection (6.8) leaves one; a
// connection in OpenConfirm may wait for what becomes of the other (collision.ts):
//
//   outgoing:  connect --> open-sent --OPEN--> open-confirm --KEEPALIVE--> established
//   newcomers: accepted -> open-sent --OPEN--> incoming: open-confirm --KEEPALIVE--> established
//
// Who can connect from the peer's address is not the peer yet: a connection that it opened stays a newcomer until its valid OPEN. Newcomers
// share nothing with the other connections: one that says nonsense, nothing, or another AS ends alone, and holds up no attempt of ours.

import { assertNever } from '../../errors.ts'
import { CEASE, ERROR, FSM_ERROR } from '../../packet/codes.ts'
import type { Notification } from '../../packet/notification.ts'
import type { Open } from '../../packet/open.ts'
import { mayReturn, survivor, waits, waitsUntil, yields } from './collision.ts'
import {
  type Effect,
  type EndReason,
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
import { isSameOpen, openProblem } from './open-check.ts'
import { BARRED, CONNECT_TIMEOUT, keepaliveTimer, OPEN_HOLD, retryDelay } from './timers.ts'

/** Newcomers at a time. One more ends the oldest: whoever holds connections open in silence does not keep the peer out. */
const MAX_NEWCOMERS = 4
const NONE = new Uint8Array(0)

/** Subcodes for a message that does not belong into a phase (RFC 6608). */
const UNEXPECTED = {
  'open-sent': FSM_ERROR.IN_OPEN_SENT,
  'open-confirm': FSM_ERROR.IN_OPEN_CONFIRM,
  established: FSM_ERROR.IN_ESTABLISHED,
} as const

type OpenConfirm = Extract<Link, { readonly phase: 'open-confirm' }>

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
    this.#take(event)
    for (const side of ['outgoing', 'incoming'] as const) this.#advance(side)
  }

  #take(event: FsmEvent): void {
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
        this.#tick(event.received, event.sent, event.heldBack === true)
        break
      case 'located':
        this.#located()
        break
      case 'retry':
        this.state = { ...this.state, failures: 0 }
        this.#located()
        break
      case 'connected':
        if (this.state.outgoing?.phase === 'connecting') this.#connected()
        break
      case 'accepted':
        this.#accepted()
        break
      case 'closed':
        if (linkOf(this.state, event.side) !== undefined)
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
        if (linkOf(this.state, event.side) === undefined) break
        this.effects.push({ kind: 'close', side: event.side })
        this.#ended(event.side, { kind: 'received', notification: event.notification })
        break
      case 'send-hold-expired':
        for (const side of sidesOf(this.state))
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
    // An attempt at the old address cannot succeed; one that nobody has answered yet waits for its next SYN, for seconds.
    if (outgoing?.phase === 'connecting') this.effects.push({ kind: 'close', side: 'outgoing' })
    if (incoming === undefined && (outgoing === undefined || outgoing.phase === 'connecting')) this.#connect()
  }

  #connect(): void {
    this.effects.push({ kind: 'connect' })
    const link: Link = { phase: 'connecting', deadline: this.#now + CONNECT_TIMEOUT }
    this.state = { ...this.state, retryAt: Number.POSITIVE_INFINITY, outgoing: link }
  }

  #connected(): void {
    this.#sendOpen('outgoing')
    const { incoming } = this.state
    if (incoming?.phase === 'open-confirm')
      this.#set('incoming', { ...incoming, waitsUntil: waitsUntil(this.state, incoming.hold, this.#now) })
  }

  #sendOpen(side: Side): void {
    this.effects.push({ kind: 'send-open', side })
    this.#set(side, { phase: 'open-sent', deadline: this.#now + OPEN_HOLD })
  }

  #accepted(): void {
    // The new connection has no number yet: its owner closes it when no `send-open` follows.
    const { running, barredUntil, outgoing, incoming, newcomers } = this.state
    if (!running || this.#now < barredUntil) return
    for (const link of [outgoing, incoming])
      if (link?.phase === 'established' && !mayReturn(this.#config, link, this.#now)) return
    const [oldest] = newcomers
    if (oldest !== undefined && newcomers.length >= MAX_NEWCOMERS)
      this.#fail(oldest.number, ERROR.CEASE, CEASE.COLLISION, 'the peer connected again')
    this.#sendOpen((newcomers.at(-1)?.number ?? 0) + 1)
  }

  /** A newcomer is the peer: it takes the place of what the peer opened before, and of its session. Returns false when that stays. */
  #promote(newcomer: number, open: Open): boolean {
    for (const side of ['outgoing', 'incoming'] as const) {
      const link = this.state[side]
      if (link !== undefined && !yields(side, link, open)) return false
    }
    for (const side of ['outgoing', 'incoming'] as const) {
      if (this.state[side]?.phase === 'established') {
        this.effects.push({ kind: 'close', side })
        this.#ended(side, { kind: 'closed', error: 'the peer connected again' })
      }
    }
    // The peer has given up its earlier connection, or it would not have opened another.
    this.#fail('incoming', ERROR.CEASE, CEASE.COLLISION, 'the peer connected again')
    this.effects.push({ kind: 'promote', newcomer })
    this.#set('incoming', linkOf(this.state, newcomer))
    this.#set(newcomer, undefined)
    this.state = { ...this.state, retryAt: Number.POSITIVE_INFINITY }
    return true
  }

  #open(side: Side, open: Open): undefined {
    const link = linkOf(this.state, side)
    if (link === undefined) return
    // Told twice (OpenBGPD also sends the one that it queued for an attempt that failed): RFC 4271 section 8.2.2 looks for a collision, and there is none.
    if (link.phase === 'open-confirm' && isSameOpen(link.open, open)) return
    if (link.phase !== 'open-sent') return this.#unexpected(side)
    const problem = openProblem(this.#config, open)
    if (problem !== undefined) return this.#fail(side, ERROR.OPEN, problem.subcode, problem.message)
    if (side === 'outgoing') this.#confirm(side, open)
    else if (typeof side === 'number' && this.#promote(side, open)) this.#confirm('incoming', open)
    else this.#fail(side, ERROR.CEASE, CEASE.COLLISION, 'connection collision')
  }

  #confirm(side: 'outgoing' | 'incoming', open: Open): undefined {
    if (!this.#mayConfirm(side, open))
      return this.#fail(side, ERROR.CEASE, CEASE.COLLISION, 'connection collision')
    const hold = Math.min(this.#config.hold, open.holdTime * 1000)
    this.#set(side, {
      phase: 'open-confirm',
      open,
      told: false,
      heard: false,
      waitsUntil: waitsUntil(this.state, hold, this.#now),
      hold,
      deadline: this.#now + (hold || OPEN_HOLD),
      keepaliveAt: Number.POSITIVE_INFINITY,
    })
  }

  /** Whether a connection goes on once it has received its OPEN, beside or in place of the other one. */
  #mayConfirm(side: 'outgoing' | 'incoming', open: Open): boolean {
    const otherSide = side === 'outgoing' ? 'incoming' : 'outgoing'
    const other = this.state[otherSide]
    if (other?.phase === 'established') return false
    if (other?.phase !== 'open-confirm') return true
    const { localId, localAsn } = this.#config
    if (survivor(localId, localAsn, open) !== side) return false
    // Where the peer decides it may have its session over the other one already.
    if (side === 'outgoing') this.#fail(otherSide, ERROR.CEASE, CEASE.COLLISION, 'connection collision')
    return true
  }

  #keepalive(side: Side): undefined {
    const link = linkOf(this.state, side)
    if (link === undefined || link.phase === 'established') return
    if (link.phase !== 'open-confirm') return this.#unexpected(side)
    if (!link.heard)
      this.#set(side, { ...link, heard: true, waitsUntil: waitsUntil(this.state, link.hold, this.#now) })
  }

  /** Goes on with a connection in OpenConfirm as far as others let it: with our KEEPALIVE, and with the session once the peer's has come. */
  #advance(side: 'outgoing' | 'incoming'): void {
    const link = this.state[side]
    if (link?.phase !== 'open-confirm') return
    const waiting = waits(this.#config, this.state, side, this.#now)
    // Where one that we opened waits it is for the peer to decide, which needs our KEEPALIVE for that.
    if (!link.told && (!waiting || side === 'outgoing')) this.#tell(side, link)
    if (!waiting && link.heard) this.#establish(side)
    else if (!waiting) this.#endWait(side)
  }

  /** Sends our KEEPALIVE. Another connection that has waited for that, or for whose end this one has waited, is over: the peer can have its session over this one from now on. */
  #tell(side: 'outgoing' | 'incoming', link: OpenConfirm): void {
    const { localId, localAsn, keepalive } = this.#config
    const decided =
      this.state.outgoing?.phase === 'open-confirm' || survivor(localId, localAsn, link.open) === 'outgoing'
    if (side === 'incoming' && decided)
      this.#fail('outgoing', ERROR.CEASE, CEASE.COLLISION, 'connection collision')
    this.effects.push({ kind: 'send-keepalive', side })
    const keepaliveAt = keepaliveTimer(link.hold, this.#now, this.#random, keepalive)
    this.#set(side, { ...link, told: true, keepaliveAt })
  }

  #endWait(side: 'outgoing' | 'incoming'): void {
    const link = this.state[side]
    if (link?.phase === 'open-confirm' && this.#now >= (link.waitsUntil ?? Number.POSITIVE_INFINITY))
      this.#set(side, { ...link, waitsUntil: undefined })
  }

  #establish(side: 'outgoing' | 'incoming'): void {
    const link = this.state[side]
    if (link?.phase !== 'open-confirm') return
    for (const other of sidesOf(this.state))
      if (other !== side) this.#fail(other, ERROR.CEASE, CEASE.COLLISION, 'connection collision')
    const { open, hold, keepaliveAt } = link
    const { routerId } = open
    const deadline = hold === 0 ? Number.POSITIVE_INFINITY : this.#now + hold
    const restarts = open.capabilities.some(({ kind }) => kind === 'graceful-restart')
    this.#set(side, {
      phase: 'established',
      since: this.#now,
      restarts,
      routerId,
      hold,
      deadline,
      keepaliveAt,
    })
    this.state = { ...this.state, failures: 0, retryAt: Number.POSITIVE_INFINITY }
    this.effects.push({ kind: 'established', side, open, hold })
  }

  #unexpected(side: Side): undefined {
    const link = linkOf(this.state, side)
    if (link === undefined || link.phase === 'connecting') return
    // The peer sends routes: of two connections it has chosen this one.
    if (link.phase === 'open-confirm' && link.told && link.heard && typeof side !== 'number')
      return void this.#establish(side)
    this.#fail(side, ERROR.FSM, UNEXPECTED[link.phase], `unexpected message in ${link.phase}`)
  }

  #tick(received: number, sent: number, heldBack: boolean): void {
    for (const side of sidesOf(this.state)) {
      const link = linkOf(this.state, side)
      if (link === undefined) continue
      const next = keepUp(
        link,
        { now: this.#now, random: this.#random, received, sent },
        this.#config.keepalive,
      )
      if (next === undefined) {
        this.#timeout(side, link)
        continue
      }
      if (next.sends) this.effects.push({ kind: 'send-keepalive', side })
      if (next.link !== link) this.#set(side, next.link)
    }
    const { running, outgoing, incoming, retryAt } = this.state
    if (!running || outgoing !== undefined || incoming !== undefined || this.#now < retryAt || heldBack)
      return
    if (!this.#config.passive) this.#connect()
    else this.state = { ...this.state, retryAt: Number.POSITIVE_INFINITY }
  }

  #timeout(side: Side, link: Link): undefined {
    if (link.phase !== 'connecting') return this.#fail(side, ERROR.HOLD_TIMER, 0, 'hold timer expired')
    this.effects.push({ kind: 'close', side })
    this.#ended(side, { kind: 'closed', error: 'connect timed out' })
  }

  #endAll(notification: Notification): void {
    for (const side of sidesOf(this.state))
      this.#fail(side, notification.code, notification.subcode, 'administratively', notification.data)
  }

  /** Closes a connection, after a NOTIFICATION where the peer can read one. */
  #fail(side: Side, code: number, subcode: number, message: string, data: Uint8Array = NONE): undefined {
    const link = linkOf(this.state, side)
    if (link === undefined) return
    const notification = { code, subcode, data }
    if (link.phase !== 'connecting') this.effects.push({ kind: 'send-notification', side, notification })
    this.effects.push({ kind: 'close', side })
    this.#ended(side, { kind: 'sent', notification, message })
  }

  #ended(side: Side, reason: EndReason): void {
    const established = linkOf(this.state, side)?.phase === 'established'
    this.effects.push({ kind: established ? 'down' : 'failed', reason })
    this.#set(side, undefined)
    // The end of a newcomer says nothing of the peer's own attempts, nor of ours.
    if (typeof side === 'number') return
    const notification = reason.kind === 'sent' ? reason.notification : undefined
    if (notification?.code === ERROR.CEASE && notification.subcode === CEASE.MAX_PREFIXES)
      this.state = { ...this.state, barredUntil: this.#now + BARRED }
    const { running, outgoing, incoming, failures } = this.state
    if (!running || outgoing !== undefined || incoming !== undefined || this.#config.passive) return
    const delay = retryDelay(this.#config.connectRetry, failures, this.#random)
    const retryAt = Math.max(this.state.barredUntil, this.#now + delay)
    this.state = { ...this.state, failures: failures + 1, retryAt }
  }

  #set(side: Side, link: Link | undefined): void {
    if (side === 'outgoing') this.state = { ...this.state, outgoing: link }
    else if (side === 'incoming') this.state = { ...this.state, incoming: link }
    else {
      const others = this.state.newcomers.filter(({ number }) => number !== side)
      const newcomers = link?.phase === 'open-sent' ? [...others, { number: side, link }] : others
      this.state = { ...this.state, newcomers }
    }
  }
}
