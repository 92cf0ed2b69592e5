// One neighbour: feeds the state machine with what happens on its connections, and runs the machine's effects.
import { formatId } from './address.ts'
import type { Family, PeerConfig } from './config.ts'
import { Connections } from './connections.ts'
import { assertNever, BgpError } from './errors.ts'
import { step } from './fsm.ts'
import {
  type Effect,
  type EndReason,
  type FsmConfig,
  type FsmEvent,
  type FsmState,
  INITIAL,
  nextDeadline,
  type Side,
  stateName,
} from './fsm-state.ts'
import type { PeerHost } from './host.ts'
import { Inbox } from './inbox.ts'
import { negotiate } from './negotiation.ts'
import { ownCapabilities } from './offer.ts'
import { CEASE, ERROR, MAX_EXTENDED_LENGTH } from './packet/codes.ts'
import { isPermanent, type Notification, toHardReset } from './packet/notification.ts'
import type { Open } from './packet/open.ts'
import { peerName } from './peer-name.ts'
import { snapshotOf } from './peer-snapshot.ts'
import { downReason } from './reasons.ts'
import { Retained } from './retention.ts'
import { tooManyPrefixes } from './rib/ingest.ts'
import { Session } from './session.ts'
import type { DownReason, PeerSnapshot } from './snapshot.ts'
import { Tally } from './tally.ts'
import type { Connection } from './transport.ts'
import { Whereabouts } from './whereabouts.ts'

export class Peer {
  config: PeerConfig
  /** What the API calls it. */
  readonly name: string
  /** It is one only while it is connected. */
  readonly dynamic: boolean
  readonly #host: PeerHost
  readonly #connections: Connections
  readonly #where: Whereabouts
  readonly #tally = new Tally()
  #fsm: FsmState = INITIAL
  #fsmDeadline = Number.POSITIVE_INFINITY
  #session: Session | undefined
  #retained: Retained | undefined
  #lastDown: DownReason | undefined

  constructor(config: PeerConfig, host: PeerHost, dynamic = false) {
    this.config = config
    this.dynamic = dynamic
    this.#host = host
    this.name = peerName(config)
    this.#where = new Whereabouts(config, host.discovery)
    const inbox = new Inbox({
      host,
      tally: this.#tally,
      peer: this.name,
      session: () => this.#session,
      capabilities: () => this.#capabilities(),
      dispatch: (event) => this.#dispatch(event),
    })
    this.#connections = new Connections({
      host,
      tally: this.#tally,
      config: () => this.config,
      remote: () => this.remote,
      received: (wire, bytes) => inbox.take(wire, bytes),
      dispatch: (event) => this.#dispatch(event),
    })
  }

  get state() {
    return stateName(this.#fsm)
  }

  /** When `tick` has something to do. */
  get deadline(): number {
    const never = Number.POSITIVE_INFINITY
    return Math.min(
      this.#fsmDeadline,
      this.#retained?.deadline ?? never,
      this.#session?.stale.deadline ?? never,
    )
  }

  /** Whether our own restart waits for this peer's End-of-RIB: not for one that restarts itself or that knows nothing of restarts (RFC 4724 section 4.1). */
  get awaited(): boolean {
    if (this.config.gracefulRestart === undefined) return false
    const session = this.#session
    if (session === undefined) return true
    const { gracefulRestart } = session.negotiated
    return gracefulRestart !== undefined && !gracefulRestart.restarting && !session.caughtUp
  }

  start(): void {
    this.#dispatch({ kind: 'start' })
    this.#where.start((address, before) => this.#located(address, before))
  }

  /** Where the peer is, in canonical text with its zone; undefined: unnumbered, and not found yet. */
  get remote(): string | undefined {
    return this.#where.address
  }

  /** Whether a connection from there is this peer's; of an unnumbered one by its link. */
  admits(remote: string): boolean {
    return this.#where.admits(remote)
  }

  /** Ends the session with a CEASE; resolves when its connections are closed. */
  async stop(notification: Notification): Promise<void> {
    this.#where.close()
    this.#dispatch({ kind: 'stop', notification })
    this.#release()
    await this.#connections.drained()
  }

  /** Ends the session with a CEASE and connects again. */
  reset(notification: Notification): void {
    this.#dispatch({ kind: 'reset', notification })
  }

  /** BFD says that the path is gone: the session ends now, and not when its hold timer expires (RFC 5882 section 10.2). */
  pathFailed(): void {
    if (this.#session === undefined) return
    this.reset({ code: ERROR.CEASE, subcode: CEASE.BFD_DOWN, data: new Uint8Array(0) })
  }

  /** Leaves without a word, so that a peer with graceful restart keeps our routes. */
  abandon(): void {
    this.#where.close()
    this.#connections.destroy()
    this.#fsm = INITIAL
    this.#fsmDeadline = Number.POSITIVE_INFINITY
  }

  tick(): void {
    const wire = this.#session?.wire
    this.#dispatch({ kind: 'tick', received: wire?.receivedAt ?? 0, sent: wire?.sentAt ?? 0 })
    const now = this.#host.clock.now()
    this.#session?.stale.expire(now)
    if (this.#retained !== undefined && !this.#retained.expire(now)) this.#release()
    this.#settle()
  }

  /** RFC 9687: ends a session whose peer takes nothing that we send. */
  watchSending(now: number): void {
    if (this.#session?.sendHoldExpired(now) === true) this.#dispatch({ kind: 'send-hold-expired' })
  }

  /** Asks the peer for everything again (RFC 2918); false: it cannot be asked. */
  requestRefresh(family: Family): boolean {
    return this.#session?.requestRefresh(family) === true
  }

  /** Our own restart is over. */
  endRestart(): void {
    this.#session?.endRestart()
  }

  /** The peer connected to us. */
  accept(connection: Connection): void {
    this.#connections.arrive(connection)
  }

  /** Applies what a running session can take over: policies, next hops, limits, BFD, who connects. */
  reconfigure(config: PeerConfig): void {
    const before = this.config
    this.config = config
    if (JSON.stringify(before.bfd) !== JSON.stringify(config.bfd)) {
      this.#host.paths.forget(this.name)
      this.#watchPath()
    }
    if (before.passive === true) this.#dispatch({ kind: 'located' })
    const session = this.#session
    if (session === undefined) return
    session.reconfigure(config)
    const family = session.tooMany
    if (family !== undefined)
      this.#dispatch({
        kind: 'bad-message',
        side: session.wire.side,
        error: tooManyPrefixes(family, config.maxPrefixes!),
      })
  }

  snapshot(): PeerSnapshot {
    const parts = {
      config: this.config,
      state: this.state,
      session: this.#session,
      retained: this.#retained,
      tally: this.#tally,
      lastDown: this.#lastDown,
      remote: this.remote,
    }
    return snapshotOf(parts, this.#host.clock.now())
  }

  /** An unnumbered peer was found, or is elsewhere now. */
  #located(address: string, before: string | undefined): void {
    const { password } = this.config
    if (password !== undefined) {
      if (before !== undefined) this.#host.setPassword(before, undefined)
      this.#host.setPassword(address, password)
    }
    this.#dispatch({ kind: 'located' })
  }

  #fsmConfig(): FsmConfig {
    const { config } = this
    return {
      localAsn: this.#host.asn,
      localId: this.#host.routerId,
      peerAsn: config.asn,
      hold: (config.holdTime ?? this.#host.holdTime) * 1000,
      connectRetry: (config.connectRetryTime ?? 5) * 1000,
      passive: config.passive === true || this.remote === undefined,
      gracefulRestart: config.gracefulRestart !== undefined,
    }
  }

  #dispatch(event: FsmEvent): void {
    const before = this.state
    const now = this.#host.clock.now()
    const { state, effects } = step(this.#fsmConfig(), this.#fsm, event, now, this.#host.random())
    this.#fsm = state
    for (const effect of effects) this.#run(effect)
    this.#fsmDeadline = nextDeadline(this.#fsm)
    const after = this.state
    if (after !== before) this.#host.event({ kind: 'state', peer: this.name, state: after, previous: before })
    if (before !== 'idle') this.#settle()
  }

  /** A dynamic peer ends with its connection; but one that is barred, or whose routes are kept, is remembered until that is over. */
  #settle(): void {
    if (!this.dynamic || this.state !== 'active' || this.#retained !== undefined) return
    const { barredUntil } = this.#fsm
    if (this.#host.clock.now() < barredUntil) this.#fsmDeadline = barredUntil
    else this.#host.gone(this.name)
  }

  #run(effect: Effect): void {
    switch (effect.kind) {
      case 'connect':
        this.#connections.connect()
        break
      case 'send-open':
        this.#connections.sendOpen(effect.side, this.#capabilities())
        break
      case 'send-keepalive':
        this.#connections.sendKeepalive(effect.side)
        break
      case 'send-notification':
        this.#connections.sendNotification(effect.side, this.#wrapped(effect.side, effect.notification))
        break
      case 'close':
        this.#connections.close(effect.side)
        break
      case 'established':
        this.#established(effect.side, effect.open, effect.hold)
        break
      case 'down':
        this.#down(effect.reason)
        break
      case 'failed':
        this.#failed(effect.reason)
        break
      default:
        assertNever(effect)
    }
  }

  #capabilities() {
    return ownCapabilities(this.config, this.#host.asn, this.#host.restarting())
  }

  /** With the N bit an end for good travels inside a hard reset, or the peer would keep our routes (RFC 8538 section 4). */
  #wrapped(side: Side, notification: Notification): Notification {
    const session = this.#session?.wire.side === side ? this.#session : undefined
    const hard = session?.negotiated.gracefulRestart?.notification === true && isPermanent(notification)
    return hard ? toHardReset(notification) : notification
  }

  #established(side: Side, open: Open, hold: number): void {
    const wire = this.#connections.wire(side)!
    const negotiated = negotiate(this.#capabilities(), open)
    if (negotiated.extendedMessages) wire.framer.maxLength = MAX_EXTENDED_LENGTH
    wire.sentAt = wire.receivedAt = this.#host.clock.now()
    const { config } = this
    const retained = this.#retained
    this.#retained = undefined
    this.#session = new Session({
      host: this.#host,
      config,
      tally: this.#tally,
      wire,
      open,
      negotiated,
      hold,
      retained,
    })
    this.#watchPath()
    this.#tally.counters.established++
    const { families } = negotiated
    this.#host.log.info('session established', { peer: this.name, families })
    this.#host.event({
      kind: 'established',
      peer: this.name,
      routerId: formatId(open.routerId),
      families,
    })
    this.#host.progress()
  }

  /** BFD runs from the first session on, over ends of sessions too. */
  #watchPath(): void {
    const { bfd } = this.config
    const local = this.#session?.wire.connection.localAddress
    if (bfd !== undefined && local !== undefined) this.#host.paths.watch(this.name, local, bfd)
  }

  #failed(reason: EndReason): void {
    this.#lastDown = downReason(reason, false)
    this.#host.log.debug('connection to peer failed', { peer: this.name, reason: this.#lastDown })
  }

  #down(reason: EndReason): void {
    const session = this.#session
    if (session === undefined) throw new BgpError('closed', 'no session to end')
    this.#session = undefined
    const kept = session.end(reason, this.#fsm.running)
    if (kept.length > 0) {
      const now = this.#host.clock.now()
      this.#retained = new Retained(this.#host.rib, session.ingest, kept, now)
      if (!this.#retained.expire(now)) this.#release()
    }
    this.#lastDown = downReason(reason, true)
    this.#host.log.info('session ended', { peer: this.name, reason: this.#lastDown })
    this.#host.event({ kind: 'down', peer: this.name, reason: this.#lastDown })
  }

  /** Gives up what was kept for the peer's return. */
  #release(): void {
    if (this.#retained === undefined) return
    this.#retained.release()
    this.#retained = undefined
    this.#host.log.info('stale routes removed', { peer: this.name })
  }
}
