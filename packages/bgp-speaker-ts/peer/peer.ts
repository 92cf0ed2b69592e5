// One neighbour: feeds the events of its connections to the state machine and carries out the machine's effects.
import type { Family, PeerConfig } from '../config.ts'
import { assertNever } from '../errors.ts'
import type { Capability } from '../packet/capabilities.ts'
import { CEASE, ERROR } from '../packet/codes.ts'
import { isPermanent, type Notification, toHardReset } from '../packet/notification.ts'
import type { Open } from '../packet/open.ts'
import { peerName } from '../peer-name.ts'
import { tooManyPrefixes } from '../rib/ingest.ts'
import type { IngestPeer } from '../rib/ingest-peer.ts'
import type { PeerSnapshot } from '../snapshot.ts'
import type { Connection } from '../transport.ts'
import { type ConnectionOwner, Connections } from './connections/connections.ts'
import { type RemotePeer, receiveMessages } from './connections/message-receiver.ts'
import { UnnumberedEndpoint } from './connections/unnumbered-endpoint.ts'
import type { Wire } from './connections/wire.ts'
import { step } from './fsm/fsm.ts'
import {
  type Effect,
  type FsmConfig,
  type FsmEvent,
  type FsmState,
  INITIAL,
  nextDeadline,
  type Side,
  stateName,
} from './fsm/fsm-state.ts'
import { keepUp, soleSession, type Tick } from './fsm/keep-up.ts'
import { PeerCounters } from './peer-counters.ts'
import { PeerSessions } from './peer-sessions.ts'
import { snapshotOf } from './peer-snapshot.ts'
import { localCapabilities } from './session/local-capabilities.ts'
import { negotiate } from './session/negotiation.ts'
import type { Session } from './session/session.ts'
import type { SpeakerContext } from './speaker-context.ts'

export class Peer implements ConnectionOwner, RemotePeer {
  config: PeerConfig
  /** Its name in the API. */
  readonly name: string
  /** It connected from a configured range: the peer exists only while it is connected. */
  readonly dynamic: boolean
  readonly speaker: SpeakerContext
  readonly counters = new PeerCounters()
  readonly #connections: Connections
  /** Set for unnumbered peers only. */
  readonly #endpoint: UnnumberedEndpoint | undefined
  readonly #sessions: PeerSessions
  #fsm: FsmState = INITIAL
  #fsmDeadline = Number.POSITIVE_INFINITY

  constructor(config: PeerConfig, speaker: SpeakerContext, dynamic = false) {
    this.config = config
    this.dynamic = dynamic
    this.speaker = speaker
    this.name = peerName(config)
    if (config.interface !== undefined)
      this.#endpoint = new UnnumberedEndpoint(config.interface, speaker.discovery)
    this.#sessions = new PeerSessions(speaker, this.counters, this.name)
    this.#connections = new Connections(this)
  }

  get session(): Session | undefined {
    return this.#sessions.current
  }

  /** What it has sent: in this session, or kept of the one before. */
  get ingest(): IngestPeer | undefined {
    return this.session?.ingest ?? this.#sessions.retained?.ingest
  }

  get state() {
    return stateName(this.#fsm)
  }

  /** The clock's time of the next work for `tick`. */
  get deadline(): number {
    return Math.min(this.#fsmDeadline, this.#sessions.deadline)
  }

  /** Whether our own restart waits for this peer's End-of-RIB. It does not wait for peers without graceful restart, nor for one that restarts itself (RFC 4724 section 4.1). */
  get delaysSelection(): boolean {
    if (this.config.gracefulRestart === undefined) return false
    const session = this.session
    if (session === undefined) return true
    const { gracefulRestart } = session.negotiated
    return gracefulRestart !== undefined && !gracefulRestart.restarting && !session.caughtUp
  }

  /** Our AS number towards it. */
  get #asn(): number {
    return this.config.localAsn ?? this.speaker.asn
  }

  start(): void {
    this.dispatch({ kind: 'start' })
    this.#endpoint?.start((address, before) => this.#located(address, before))
  }

  /** The peer's address in canonical text, with its zone; undefined while an unnumbered peer has not been found. */
  get remote(): string | undefined {
    return this.#endpoint === undefined ? this.config.address : this.#endpoint.address
  }

  /** Whether a connection from this address belongs to the peer. An unnumbered peer is recognized by its link. */
  admits(remote: string): boolean {
    return this.#endpoint === undefined || this.#endpoint.admits(remote)
  }

  /** Ends the session with a CEASE; resolves when its connections are closed. */
  async stop(notification: Notification): Promise<void> {
    this.#endpoint?.close()
    this.dispatch({ kind: 'stop', notification })
    this.#sessions.release()
    await this.#connections.closed()
  }

  /** Ends the session with a CEASE and connects again. */
  reset(notification: Notification): void {
    this.dispatch({ kind: 'reset', notification })
  }

  /** Connects at once where there is no session, whatever failed before. */
  retry(): void {
    this.dispatch({ kind: 'retry' })
  }

  /** BFD reports a path failure: ends the session now instead of waiting for the hold timer (RFC 5882 section 10.2). */
  pathFailed(): void {
    if (this.session === undefined) return
    this.reset({ code: ERROR.CEASE, subcode: CEASE.BFD_DOWN, data: new Uint8Array(0) })
  }

  /** Cuts the connections without a NOTIFICATION, so that a peer with graceful restart keeps our routes. */
  abandon(): void {
    this.#endpoint?.close()
    this.#connections.destroy()
    this.#fsm = INITIAL
    this.#fsmDeadline = Number.POSITIVE_INFINITY
  }

  /** The clock's time of the next attempt to connect. */
  get connectsAt(): number {
    return this.#fsm.retryAt
  }

  /** @param heldBack no attempt to connect may start now */
  tick(heldBack: boolean): void {
    const now = this.speaker.clock.now()
    const session = this.session
    session?.wire.collectKeepalive(now)
    // What was collected may have ended the session.
    const wire = this.session?.wire
    const received = wire?.heardAt(now, session!.hold) ?? 0
    const sent = wire?.sentAt ?? 0
    if (!this.#keptUp({ now, random: this.speaker.random(), received, sent }))
      this.dispatch({ kind: 'tick', received, sent, heldBack })
    if (now < this.#sessions.deadline) return
    this.#sessions.tick(now)
    this.#settle()
  }

  /** Does for a session what a step of its state machine would, where that is nothing but a KEEPALIVE: of hundreds of idle peers that is nearly all that is ever done. */
  #keptUp(tick: Tick): boolean {
    const side = soleSession(this.#fsm)
    if (side === undefined || tick.now >= this.#fsm.retryAt) return false
    const next = keepUp(this.#fsm[side]!, tick, this.#mostKeepalive)
    if (next === undefined) return false
    this.#fsm = { ...this.#fsm, [side]: next.link }
    this.#fsmDeadline = nextDeadline(this.#fsm)
    if (next.sends) this.#connections.sendKeepalive(side)
    return true
  }

  /** Ends a session whose peer has stopped reading (RFC 9687). Returns whether bytes wait to be sent. */
  watchSending(now: number): boolean {
    const { session } = this
    if (session === undefined) return false
    if (session.sendHoldExpired(now)) {
      this.dispatch({ kind: 'send-hold-expired' })
      return true
    }
    return session.wire.pending > 0
  }

  /** Asks the peer to send all routes of a family again (RFC 2918). Returns false without a session, or when the peer has no route refresh. */
  requestRefresh(family: Family): boolean {
    return this.session?.requestRefresh(family) === true
  }

  /** Our own restart is over: sends the End-of-RIB markers that waited for it. */
  endRestart(): void {
    this.session?.endRestart()
  }

  /** Takes over a connection that the peer opened. */
  accept(connection: Connection): void {
    this.#connections.arrive(connection)
  }

  /** Changes the TCP-MD5 key of its connections, and tries it at once where there is no session. Returns false when a session cannot go on with it. */
  rekey(password: string | undefined): boolean {
    if (!this.#connections.setPassword(password)) return false
    if (this.session === undefined) this.retry()
    return true
  }

  /** Applies the fields that need no session reset: policies, next hops, limits, the role in route reflection, BFD, TTL, `passive`. */
  reconfigure(config: PeerConfig): void {
    const before = this.config
    this.config = config
    if (JSON.stringify(before.bfd) !== JSON.stringify(config.bfd)) {
      this.speaker.paths.forget(this.name)
      this.#sessions.watchPath(config)
    }
    if (before.ttl !== config.ttl && config.ttlSecurityHops === undefined)
      this.#connections.setTtl(config.ttl ?? 255)
    if (before.passive === true) this.dispatch({ kind: 'located' })
    const source = this.ingest?.source
    if (source !== undefined) this.speaker.rib.setClient(source, config.routeReflectorClient === true)
    const session = this.session
    if (session === undefined) return
    session.reconfigure(config)
    const family = session.tooMany
    if (family !== undefined)
      this.dispatch({
        kind: 'bad-message',
        side: session.wire.side,
        error: tooManyPrefixes(family, session.ingest.maxPrefixes[family]),
      })
  }

  snapshot(): PeerSnapshot {
    const parts = {
      config: this.config,
      state: this.state,
      session: this.session,
      retained: this.#sessions.retained,
      counters: this.counters,
      lastDown: this.#sessions.lastDown,
      remote: this.remote,
    }
    return snapshotOf(parts, this.speaker.clock.now())
  }

  // Called by its connections and the message receiver:

  dispatch(event: FsmEvent): void {
    const before = this.state
    const now = this.speaker.clock.now()
    const { state, effects } = step(this.#fsmConfig(), this.#fsm, event, now, this.speaker.random())
    this.#fsm = state
    for (const effect of effects) this.#run(effect)
    this.#fsmDeadline = nextDeadline(this.#fsm)
    this.speaker.timersChanged()
    const after = this.state
    if (after !== before)
      this.speaker.emitPeer({ kind: 'state', peer: this.name, state: after, previous: before })
    if (before !== 'idle') this.#settle()
  }

  /** Capabilities of our OPEN. */
  capabilities(): readonly Capability[] {
    return localCapabilities(this.config, this.#asn, this.speaker.restarting() || this.#isFirst())
  }

  /** Whether its first session since our process started is still to come, and it may keep our routes from before. */
  #isFirst(): boolean {
    const { gracefulRestart } = this.config
    return this.counters.established === 0 && this.speaker.restarted(gracefulRestart?.time ?? 0)
  }

  received(wire: Wire, bytes: Uint8Array, age: number): void {
    receiveMessages(this, wire, bytes, age)
  }

  refused(why: string): void {
    this.#sessions.failed({ kind: 'closed', error: why })
    this.#settle()
  }

  /** An unnumbered peer was found, or its address changed: moves its TCP-MD5 key to the new address. */
  #located(address: string, before: string | undefined): void {
    const { password } = this.config
    if (password !== undefined) {
      if (before !== undefined) this.speaker.setPassword(before, undefined)
      this.speaker.setPassword(address, password)
    }
    this.dispatch({ kind: 'located' })
  }

  /** Milliseconds between KEEPALIVEs, at most. */
  get #mostKeepalive(): number {
    return (this.config.keepaliveTime ?? Number.POSITIVE_INFINITY) * 1000
  }

  #fsmConfig(): FsmConfig {
    const { config } = this
    return {
      localAsn: this.#asn,
      localId: this.speaker.routerId,
      peerAsn: config.asn,
      hold: (config.holdTime ?? this.speaker.holdTime) * 1000,
      keepalive: this.#mostKeepalive,
      connectRetry: (config.connectRetryTime ?? 5) * 1000,
      passive: config.passive === true || this.remote === undefined,
      role: config.role,
      roleStrict: config.roleStrict === true,
      gracefulRestart: config.gracefulRestart !== undefined,
    }
  }

  /** Forgets a dynamic peer whose connection is gone. A barred one, and one with retained routes, is remembered until that ends. */
  #settle(): void {
    if (!this.dynamic || this.state !== 'active' || this.#sessions.retained !== undefined) return
    const { barredUntil } = this.#fsm
    if (this.speaker.clock.now() < barredUntil) this.#fsmDeadline = barredUntil
    else this.speaker.dynamicPeerGone(this.name)
  }

  #run(effect: Effect): void {
    switch (effect.kind) {
      case 'connect':
        this.#connections.connect()
        break
      case 'send-open':
        this.#connections.sendOpen(effect.side, this.capabilities())
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
      case 'promote':
        this.#connections.promote(effect.newcomer)
        break
      case 'established':
        this.#begin(effect.side, effect.open, effect.hold)
        break
      case 'down':
        this.#sessions.end(effect.reason, this.#fsm.running)
        break
      case 'failed':
        this.#sessions.failed(effect.reason)
        break
      default:
        assertNever(effect)
    }
  }

  /** Wraps a permanent CEASE into a hard reset where the N bit was negotiated: the peer would keep our routes otherwise (RFC 8538 section 4). */
  #wrapped(side: Side, notification: Notification): Notification {
    const session = this.session?.wire.side === side ? this.session : undefined
    const hard = session?.negotiated.gracefulRestart?.notification === true && isPermanent(notification)
    return hard ? toHardReset(notification) : notification
  }

  #begin(side: Side, open: Open, hold: number): void {
    const negotiated = this.speaker.interned.negotiated.intern(negotiate(this.capabilities(), open))
    this.#sessions.begin(this.config, this.#connections.wire(side)!, open, negotiated, hold)
  }
}
