/** The connections of a peer while one event is handled: how they begin, change and end, and what that has as effects. */
import { CEASE, ERROR } from '../../packet/codes.ts'
import type { Notification } from '../../packet/notification.ts'
import {
  type Effect,
  type EndReason,
  type FsmConfig,
  type FsmState,
  type Link,
  linkOf,
  type Side,
  sidesOf,
} from './fsm-state.ts'
import { BARRED, CONNECT_TIMEOUT, OPEN_HOLD, retryDelay } from './timers.ts'

const NONE = new Uint8Array(0)

export class Links {
  state: FsmState
  readonly effects: Effect[] = []
  readonly config: FsmConfig
  /** Milliseconds. */
  readonly now: number
  /** In [0, 1). */
  readonly random: number

  constructor(config: FsmConfig, state: FsmState, now: number, random: number) {
    this.config = config
    this.state = state
    this.now = now
    this.random = random
  }

  connect(): void {
    this.effects.push({ kind: 'connect' })
    const link: Link = { phase: 'connecting', deadline: this.now + CONNECT_TIMEOUT }
    this.state = { ...this.state, retryAt: Number.POSITIVE_INFINITY, outgoing: link }
  }

  sendOpen(side: Side): void {
    this.effects.push({ kind: 'send-open', side })
    this.set(side, { phase: 'open-sent', deadline: this.now + OPEN_HOLD })
  }

  set(side: Side, link: Link | undefined): void {
    if (side === 'outgoing') this.state = { ...this.state, outgoing: link }
    else if (side === 'incoming') this.state = { ...this.state, incoming: link }
    else {
      const others = this.state.newcomers.filter(({ number }) => number !== side)
      const newcomers = link?.phase === 'open-sent' ? [...others, { number: side, link }] : others
      this.state = { ...this.state, newcomers }
    }
  }

  /** Closes a connection, after a NOTIFICATION where the peer can read one. */
  fail(side: Side, code: number, subcode: number, message: string, data: Uint8Array = NONE): undefined {
    const link = linkOf(this.state, side)
    if (link === undefined) return
    const notification = { code, subcode, data }
    if (link.phase !== 'connecting') this.effects.push({ kind: 'send-notification', side, notification })
    this.close(side, { kind: 'sent', notification, message })
  }

  collide(side: Side, message = 'connection collision'): undefined {
    this.fail(side, ERROR.CEASE, CEASE.COLLISION, message)
  }

  endAll({ code, subcode, data }: Notification): void {
    for (const side of sidesOf(this.state)) this.fail(side, code, subcode, 'administratively', data)
  }

  close(side: Side, reason: EndReason): void {
    this.effects.push({ kind: 'close', side })
    this.ended(side, reason)
  }

  /** It is closed by now. */
  ended(side: Side, reason: EndReason): void {
    const established = linkOf(this.state, side)?.phase === 'established'
    this.effects.push({ kind: established ? 'down' : 'failed', reason })
    this.set(side, undefined)
    // The end of a newcomer says nothing of the peer's own attempts, nor of ours.
    if (typeof side === 'number') return
    const notification = reason.kind === 'sent' ? reason.notification : undefined
    if (notification?.code === ERROR.CEASE && notification.subcode === CEASE.MAX_PREFIXES)
      this.state = { ...this.state, barredUntil: this.now + BARRED }
    this.#retryLater()
  }

  #retryLater(): void {
    const { running, outgoing, incoming, failures } = this.state
    if (!running || outgoing !== undefined || incoming !== undefined || this.config.passive) return
    const delay = retryDelay(this.config.connectRetry, failures, this.random)
    const retryAt = Math.max(this.state.barredUntil, this.now + delay)
    this.state = { ...this.state, failures: failures + 1, retryAt }
  }
}
