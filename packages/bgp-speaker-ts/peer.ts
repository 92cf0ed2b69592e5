// One neighbour: feeds the state machine with what happens on its connections, and runs the machine's effects.
import { formatId } from './address.ts'
import type { Family, PeerConfig } from './config.ts'
import { assertNever, BgpError, NotificationError } from './errors.ts'
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
  step,
} from './fsm.ts'
import type { PeerHost } from './host.ts'
import { negotiate } from './negotiation.ts'
import { ownCapabilities } from './offer.ts'
import { CEASE, ERROR, HEADER_LENGTH, MAX_EXTENDED_LENGTH, MESSAGE, OPEN_ERROR } from './packet/codes.ts'
import { encodeMessage } from './packet/message.ts'
import { decodeNotification, isPermanent, type Notification, toHardReset } from './packet/notification.ts'
import { decodeOpen, type Open } from './packet/open.ts'
import { Reader } from './packet/reader.ts'
import { decodeRouteRefresh } from './packet/route-refresh.ts'
import { downReason } from './reasons.ts'
import { Retained } from './retention.ts'
import { tooManyPrefixes } from './rib/ingest.ts'
import { Session } from './session.ts'
import type { DownReason, PeerSnapshot } from './snapshot.ts'
import { Tally } from './tally.ts'
import type { Connection, ConnectionHandlers } from './transport.ts'
import { type Wire, Wires } from './wire.ts'

const KEEPALIVE = encodeMessage({ kind: 'keepalive' })
const REJECTED = encodeMessage({
  kind: 'notification',
  code: ERROR.CEASE,
  subcode: CEASE.CONNECTION_REJECTED,
  data: new Uint8Array(0),
})

export class Peer {
  config: PeerConfig
  /** It is one only while it is connected. */
  readonly dynamic: boolean
  readonly #host: PeerHost
  readonly #wires: Wires
  readonly #tally = new Tally()
  #fsm: FsmState = INITIAL
  #fsmDeadline = Number.POSITIVE_INFINITY
  #arriving: Connection | undefined
  #session: Session | undefined
  #retained: Retained | undefined
  #lastDown: DownReason | undefined

  constructor(config: PeerConfig, host: PeerHost, dynamic = false) {
    this.config = config
    this.dynamic = dynamic
    this.#host = host
    this.#wires = new Wires(host.clock)
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
  }

  /** Ends the session with a CEASE; resolves when its connections are closed. */
  async stop(notification: Notification): Promise<void> {
    this.#dispatch({ kind: 'stop', notification })
    this.#release()
    await this.#wires.drained()
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
    this.#wires.destroy()
    this.#fsm = INITIAL
    this.#fsmDeadline = Number.POSITIVE_INFINITY
  }

  tick(): void {
    const wire = this.#session?.wire
    this.#dispatch({ kind: 'tick', received: wire?.receivedAt ?? 0, sent: wire?.sentAt ?? 0 })
    const now = this.#host.clock.now()
    this.#session?.stale.expire(now)
    if (this.#retained !== undefined && now >= this.#retained.deadline) this.#release()
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
    if (this.config.ttlSecurityHops !== undefined) connection.secureTtl(this.config.ttlSecurityHops)
    this.#arriving = connection
    this.#dispatch({ kind: 'accepted' })
    if (this.#arriving === undefined) return
    this.#arriving = undefined
    this.#wires.refuse(connection, REJECTED)
  }

  /** Applies what a running session can take over: policies, next hops, limits. */
  reconfigure(config: PeerConfig): void {
    this.config = config
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
    const session = this.#session
    const { config } = this
    const stale = session?.stale.families ?? this.#retained?.families ?? []
    const sum = (record: Record<Family, number> | undefined) =>
      record === undefined ? 0 : record['ipv4-unicast'] + record['ipv6-unicast']
    return {
      address: config.address,
      asn: config.asn,
      state: this.state,
      uptime: session === undefined ? undefined : this.#host.clock.now() - session.since,
      routerId: session === undefined ? undefined : formatId(session.open.routerId),
      localAddress: session?.wire.connection.localAddress,
      holdTime: session === undefined ? undefined : session.hold / 1000,
      families: session?.negotiated.families ?? [],
      endOfRib: [...(session?.endOfRib ?? [])],
      ...(stale.length === 0 ? {} : { stale }),
      lastDown: this.#lastDown,
      counters: {
        ...this.#tally.counters,
        prefixesReceived: sum(session?.ingest.received),
        prefixesAccepted: sum(session?.ingest.accepted),
        prefixesAdvertised: session?.advertised ?? 0,
        rejected: this.#tally.rejected,
      },
    }
  }

  #fsmConfig(): FsmConfig {
    const { config } = this
    return {
      localAsn: this.#host.asn,
      localId: this.#host.routerId,
      peerAsn: config.asn,
      hold: (config.holdTime ?? this.#host.holdTime) * 1000,
      connectRetry: (config.connectRetryTime ?? 5) * 1000,
      passive: config.passive === true,
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
    if (after !== before)
      this.#host.event({ kind: 'state', peer: this.config.address, state: after, previous: before })
    if (before !== 'idle') this.#settle()
  }

  /** A dynamic peer ends with its connection; but one that is barred, or whose routes are kept, is remembered until that is over. */
  #settle(): void {
    if (!this.dynamic || this.state !== 'active' || this.#retained !== undefined) return
    const { barredUntil } = this.#fsm
    if (this.#host.clock.now() < barredUntil) this.#fsmDeadline = barredUntil
    else this.#host.gone(this.config.address)
  }

  #run(effect: Effect): void {
    switch (effect.kind) {
      case 'connect':
        this.#connect()
        break
      case 'send-open':
        this.#sendOpen(effect.side)
        break
      case 'send-keepalive':
        this.#send(effect.side, KEEPALIVE)
        break
      case 'send-notification':
        this.#sendNotification(effect.side, effect.notification)
        break
      case 'close':
        this.#wires.close(effect.side)
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

  #connect(): void {
    const { address, port = 179, localAddress, password, ttlSecurityHops } = this.config
    const wire: { current?: Wire } = {}
    const connection = this.#host.transport.connect(
      {
        address,
        port,
        ...(localAddress === undefined ? {} : { localAddress }),
        ...(password === undefined ? {} : { password }),
        ...(ttlSecurityHops === undefined ? {} : { ttlSecurityHops }),
      },
      this.#handlers(wire),
    )
    wire.current = this.#wires.open('outgoing', connection)
  }

  #handlers(ref: { current?: Wire }): ConnectionHandlers {
    return {
      onConnect: () => {
        if (ref.current?.open) this.#dispatch({ kind: 'connected' })
      },
      onData: (bytes) => {
        if (ref.current?.open) this.#data(ref.current, bytes)
      },
      onDrain: () => this.#host.rib.schedule(),
      onClose: (error) => {
        const wire = ref.current
        if (!wire?.open) return
        this.#wires.closed(wire)
        this.#dispatch({ kind: 'closed', side: wire.side, error: error?.message })
      },
    }
  }

  #sendOpen(side: Side): void {
    if (side === 'incoming' && this.#arriving !== undefined) {
      const wire = this.#wires.open(side, this.#arriving)
      this.#arriving = undefined
      wire.connection.handle(this.#handlers({ current: wire }))
    }
    const open = {
      asn: this.#host.asn,
      holdTime: this.config.holdTime ?? this.#host.holdTime,
      routerId: this.#host.routerId,
      capabilities: this.#capabilities(),
    }
    this.#send(side, encodeMessage({ kind: 'open', ...open }))
  }

  #capabilities() {
    return ownCapabilities(this.config, this.#host.asn, this.#host.restarting())
  }

  /** With the N bit an end for good travels inside a hard reset, or the peer would keep our routes (RFC 8538 section 4). */
  #sendNotification(side: Side, notification: Notification): void {
    const session = this.#session?.wire.side === side ? this.#session : undefined
    const hard = session?.negotiated.gracefulRestart?.notification === true && isPermanent(notification)
    this.#send(
      side,
      encodeMessage({ kind: 'notification', ...(hard ? toHardReset(notification) : notification) }),
    )
  }

  #send(side: Side, bytes: Uint8Array): void {
    const wire = this.#wires[side]
    if (wire === undefined) return
    wire.write(bytes, this.#host.clock.now())
    this.#tally.counters.messagesSent++
  }

  #data(wire: Wire, bytes: Uint8Array): void {
    wire.receivedAt = this.#host.clock.now()
    const { counters } = this.#tally
    try {
      wire.framer.push(bytes, (buffer, type, start, end) => {
        counters.messagesReceived++
        if (type === MESSAGE.UPDATE && this.#session?.wire === wire) {
          counters.updatesReceived++
          this.#host.rib.ingest.update(this.#session.ingest, buffer, start + HEADER_LENGTH, end)
        } else this.#message(wire, type, new Reader(buffer, start + HEADER_LENGTH, end))
        return wire.open
      })
    } catch (error) {
      this.#readError(wire, error)
    }
    this.#host.rib.schedule()
  }

  #readError({ side }: Wire, error: unknown): void {
    if (error instanceof NotificationError) {
      this.#dispatch({ kind: 'bad-message', side, error })
      return
    }
    // A fault of ours: it costs this session, not the process.
    this.#host.log.error('cannot process a message', { peer: this.config.address, error })
    const ours = new NotificationError(ERROR.CEASE, CEASE.OUT_OF_RESOURCES, String(error))
    this.#dispatch({ kind: 'bad-message', side, error: ours })
  }

  #message(wire: Wire, type: number, reader: Reader): void {
    const { side } = wire
    if (type === MESSAGE.KEEPALIVE) this.#dispatch({ kind: 'keepalive', side })
    else if (type === MESSAGE.NOTIFICATION)
      this.#dispatch({ kind: 'notification', side, notification: decodeNotification(reader) })
    else if (type === MESSAGE.OPEN) this.#open(side, decodeOpen(reader))
    else if (type === MESSAGE.ROUTE_REFRESH && this.#session?.wire === wire)
      this.#session.refresh(decodeRouteRefresh(reader))
    else this.#dispatch({ kind: 'unexpected', side })
  }

  #open(side: Side, open: Open): void {
    if (negotiate(this.#capabilities(), open).families.length > 0) {
      this.#dispatch({ kind: 'open', side, open })
      return
    }
    const error = new NotificationError(ERROR.OPEN, OPEN_ERROR.CAPABILITY, 'no common address family')
    this.#dispatch({ kind: 'bad-message', side, error })
  }

  #established(side: Side, open: Open, hold: number): void {
    const wire = this.#wires[side]!
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
    if (config.bfd !== undefined)
      this.#host.paths.watch(config.address, wire.connection.localAddress, config.bfd)
    this.#tally.counters.established++
    const { families } = negotiated
    this.#host.log.info('session established', { peer: config.address, families })
    this.#host.event({
      kind: 'established',
      peer: config.address,
      routerId: formatId(open.routerId),
      families,
    })
    this.#host.progress()
  }

  #failed(reason: EndReason): void {
    this.#lastDown = downReason(reason, false)
    this.#host.log.debug('connection to peer failed', { peer: this.config.address, reason: this.#lastDown })
  }

  #down(reason: EndReason): void {
    const session = this.#session
    if (session === undefined) throw new BgpError('closed', 'no session to end')
    this.#session = undefined
    const kept = session.end(reason, this.#fsm.running)
    if (kept.length > 0) {
      const deadline = this.#host.clock.now() + session.negotiated.gracefulRestart!.time * 1000
      this.#retained = new Retained(this.#host.rib, session.ingest, kept, deadline)
    }
    this.#lastDown = downReason(reason, true)
    this.#host.log.info('session ended', { peer: this.config.address, reason: this.#lastDown })
    this.#host.event({ kind: 'down', peer: this.config.address, reason: this.#lastDown })
  }

  /** Gives up what was kept for the peer's return. */
  #release(): void {
    if (this.#retained === undefined) return
    this.#retained.release()
    this.#retained = undefined
    this.#host.log.info('stale routes removed', { peer: this.config.address })
  }
}
