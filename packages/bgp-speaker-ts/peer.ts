// One neighbour: runs the state machine's effects on real connections and hands UPDATEs to the RIB.
import { parseAddress } from './address.ts'
import type { Clock } from './clock.ts'
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
import type { Logger } from './log.ts'
import { FAMILY_CODES, familyOf, type Negotiated, negotiate } from './negotiation.ts'
import type { UpdateContext } from './packet/attribute-scan.ts'
import type { Capability } from './packet/capabilities.ts'
import { CEASE, ERROR, HEADER_LENGTH, MAX_EXTENDED_LENGTH, MESSAGE, OPEN_ERROR } from './packet/codes.ts'
import { encodeEndOfRib } from './packet/end-of-rib.ts'
import { Framer } from './packet/header.ts'
import { encodeMessage } from './packet/message.ts'
import {
  decodeNotification,
  type Notification,
  notificationText,
  shutdownCommunication,
} from './packet/notification.ts'
import { decodeOpen, type Open } from './packet/open.ts'
import { Reader } from './packet/reader.ts'
import { decodeRouteRefresh, REFRESH } from './packet/route-refresh.ts'
import type { PolicyEngine } from './policy/engine.ts'
import { groupKey, makeGroupConfig } from './rib/group-key.ts'
import type { IngestPeer } from './rib/ingest.ts'
import type { Rib } from './rib/rib.ts'
import type { Source } from './rib/source.ts'
import { type Border, type Member, UpdateGroup } from './rib/update-group.ts'
import type { DownReason, PeerEvent, PeerSnapshot, RejectEvent } from './snapshot.ts'
import type { Connection, ConnectionHandlers, Transport } from './transport.ts'

/** What a peer needs of its speaker. */
export interface PeerHost {
  readonly asn: number
  readonly routerId: number
  readonly clusterId: number
  readonly holdTime: number
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
  readonly transport: Transport
  readonly rib: Rib
  /** A policy prepared for evaluation; equal policies share one. */
  engine(policy: PeerConfig['importPolicy']): PolicyEngine | undefined
  event(event: PeerEvent): void
  reject(event: RejectEvent): void
  /** This process follows one that ended without a goodbye, and has not caught up yet: peers are told so, and End-of-RIB waits. */
  restarting(): boolean
  /** A peer's progress that may end `restarting`. */
  progress(): void
  /** A dynamic peer is not connected any more. */
  gone(peer: Peer): void
}

/** Routes of an ended session that are kept, because their sender is only restarting (RFC 4724). */
interface Retained {
  readonly ingest: IngestPeer
  readonly families: Set<Family>
  /** When they go at the latest. */
  deadline: number
}

/** A TCP connection with what was read of it so far. */
interface Wire {
  readonly side: Side
  readonly connection: Connection
  readonly framer: Framer
  open: boolean
}

interface Session {
  readonly wire: Wire
  readonly open: Open
  readonly negotiated: Negotiated
  readonly source: Source
  readonly since: number
  readonly holdTime: number
  readonly ingest: IngestPeer
  readonly member: Member
  group: UpdateGroup
  readonly endOfRib: Set<Family>
}

const KEEPALIVE = encodeMessage({ kind: 'keepalive' })
/** RFC 9687: at least eight minutes, at least twice the hold time. */
const SEND_HOLD = 480_000
/** Milliseconds after its return that a restarted peer has to send everything again (the stale routes' timer of RFC 4724). */
const RESYNC = 360_000
/** Milliseconds that a connection has to send what is left before it is cut. */
const LINGER = 1000

export class Peer {
  config: PeerConfig
  /** When `tick` has something to do. */
  deadline = Number.POSITIVE_INFINITY
  readonly #host: PeerHost
  #fsm: FsmState = INITIAL
  readonly #wires: { outgoing: Wire | undefined; incoming: Wire | undefined } = {
    outgoing: undefined,
    incoming: undefined,
  }
  #arriving: Connection | undefined
  #session: Session | undefined
  #retained: Retained | undefined
  readonly #postponedEnds = new Set<Family>()
  /** Bytes handed to the session's connection, how many of them had left at the last look, and when that number last grew. */
  readonly #flow = { written: 0, left: 0, since: 0 }
  readonly dynamic: boolean
  #received = 0
  #sent = 0
  #lastDown: DownReason | undefined
  readonly #rejected = new Map<string, number>()
  readonly #counters = {
    messagesReceived: 0,
    messagesSent: 0,
    updatesReceived: 0,
    updatesSent: 0,
    established: 0,
    treatedAsWithdraw: 0,
    attributesDiscarded: 0,
  }
  readonly #closing = new Set<Promise<void>>()

  constructor(config: PeerConfig, host: PeerHost, dynamic = false) {
    this.config = config
    this.dynamic = dynamic
    this.#host = host
  }

  get state() {
    return stateName(this.#fsm)
  }

  start(): void {
    this.#dispatch({ kind: 'start' })
  }

  /** Ends the session with a CEASE; resolves when its connections are closed. */
  async stop(notification: Notification): Promise<void> {
    this.#dispatch({ kind: 'stop', notification })
    this.#release()
    await Promise.all(this.#closing)
  }

  /** Ends the session with a CEASE and connects again. */
  reset(notification: Notification): void {
    this.#dispatch({ kind: 'reset', notification })
  }

  /** Leaves without a word, so that a peer with graceful restart keeps our routes. */
  abandon(): void {
    for (const side of ['outgoing', 'incoming'] as const) {
      const wire = this.#wires[side]
      this.#wires[side] = undefined
      if (wire === undefined) continue
      wire.open = false
      wire.connection.destroy()
    }
    this.#fsm = INITIAL
    this.deadline = Number.POSITIVE_INFINITY
  }

  tick(): void {
    this.#dispatch({ kind: 'tick', received: this.#received, sent: this.#sent })
    if (this.#retained !== undefined && this.#host.clock.now() >= this.#retained.deadline) this.#release()
  }

  /** RFC 9687: ends a session whose peer takes nothing that we send. */
  watchSending(now: number): void {
    const session = this.#session
    if (session === undefined) return
    const pending = session.wire.connection.pendingBytes()
    const left = this.#flow.written - pending
    if (pending === 0 || left !== this.#flow.left) {
      this.#flow.left = left
      this.#flow.since = now
    } else if (now - this.#flow.since > Math.max(SEND_HOLD, 2000 * session.holdTime))
      this.#dispatch({ kind: 'send-hold-expired' })
  }

  /** Asks the peer for everything again (RFC 2918); false: it cannot be asked. */
  requestRefresh(family: Family): boolean {
    const session = this.#session
    if (session?.negotiated.routeRefresh !== true || !session.negotiated.families.includes(family))
      return false
    this.#send(
      session.wire.side,
      encodeMessage({ kind: 'route-refresh', ...FAMILY_CODES[family], subtype: REFRESH.REQUEST }),
    )
    return true
  }

  /** Has sent End-of-RIB for all families of its session. */
  get caughtUp(): boolean {
    return this.#session?.negotiated.families.every((family) => this.#session!.endOfRib.has(family)) === true
  }

  /** Sends the End-of-RIB markers that waited for the end of our own restart. */
  endRestart(): void {
    for (const family of this.#postponedEnds) this.#session?.member.write(encodeEndOfRib(family), 1)
    this.#postponedEnds.clear()
  }

  /** The peer connected to us. */
  accept(connection: Connection): void {
    if (this.config.ttlSecurityHops !== undefined) connection.secureTtl(this.config.ttlSecurityHops)
    this.#arriving = connection
    this.#dispatch({ kind: 'accepted' })
    if (this.#arriving === undefined) return
    this.#arriving = undefined
    connection.handle(ignoreAll)
    connection.write(
      encodeMessage({
        kind: 'notification',
        code: ERROR.CEASE,
        subcode: CEASE.CONNECTION_REJECTED,
        data: new Uint8Array(0),
      }),
    )
    this.#linger(connection)
  }

  /** Applies what a running session can take over: policies, next hops, limits. */
  reconfigure(config: PeerConfig): void {
    this.config = config
    const session = this.#session
    if (session === undefined) return
    const fresh = this.#ingestPeer(session.source, session.negotiated, session.wire.connection)
    Object.assign(session.ingest, {
      policy: fresh.policy,
      isOwnAddress: fresh.isOwnAddress,
      maxPrefixes: fresh.maxPrefixes,
    })
    for (const family of session.negotiated.families) this.#host.rib.reconsider(session.ingest, family)
    const group = this.#group(session.negotiated, session.wire.connection)
    if (group === session.group) return
    this.#host.rib.move(session.member, session.group, group)
    session.group = group
  }

  /** Peer's path of the RIB, for tests of who may be dropped. */
  get source(): Source | undefined {
    return this.#session?.source
  }

  snapshot(): PeerSnapshot {
    const session = this.#session
    const { config } = this
    const sum = (record: Record<Family, number> | undefined) =>
      record === undefined ? 0 : record['ipv4-unicast'] + record['ipv6-unicast']
    return {
      address: config.address,
      asn: config.asn,
      state: this.state,
      uptime: session === undefined ? undefined : this.#host.clock.now() - session.since,
      routerId: session === undefined ? undefined : idText(session.open.routerId),
      localAddress: session?.wire.connection.localAddress,
      holdTime: session?.holdTime,
      families: session?.negotiated.families ?? [],
      endOfRib: [...(session?.endOfRib ?? [])],
      lastDown: this.#lastDown,
      counters: {
        ...this.#counters,
        prefixesReceived: sum(session?.ingest.received),
        prefixesAccepted: sum(session?.ingest.accepted),
        prefixesAdvertised: session === undefined ? 0 : advertised(session),
        rejected: Object.fromEntries(this.#rejected),
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
    }
  }

  #dispatch(event: FsmEvent): void {
    const before = this.state
    const { state, effects } = step(
      this.#fsmConfig(),
      this.#fsm,
      event,
      this.#host.clock.now(),
      this.#host.random(),
    )
    this.#fsm = state
    for (const effect of effects) this.#run(effect)
    this.deadline = Math.min(nextDeadline(state), this.#retained?.deadline ?? Number.POSITIVE_INFINITY)
    const after = this.state
    if (after !== before)
      this.#host.event({ kind: 'state', peer: this.config.address, state: after, previous: before })
    if (this.dynamic && after === 'active' && before !== 'idle' && this.#retained === undefined)
      this.#host.gone(this)
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
        this.#send(effect.side, encodeMessage({ kind: 'notification', ...effect.notification }))
        break
      case 'close':
        this.#close(effect.side)
        break
      case 'established':
        this.#established(effect.side, effect.open, effect.hold)
        break
      case 'down':
        this.#down(effect.reason)
        break
      case 'failed':
        this.#lastDown = downReason(effect.reason, false)
        this.#host.log.debug('connection to peer failed', {
          peer: this.config.address,
          reason: this.#lastDown,
        })
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
    wire.current = this.#wires.outgoing = { side: 'outgoing', connection, framer: new Framer(), open: true }
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
        wire.open = false
        this.#wires[wire.side] = undefined
        this.#dispatch({ kind: 'closed', side: wire.side, error: error?.message })
      },
    }
  }

  #sendOpen(side: Side): void {
    if (side === 'incoming' && this.#arriving !== undefined) {
      const wire: Wire = { side, connection: this.#arriving, framer: new Framer(), open: true }
      this.#wires.incoming = wire
      this.#arriving = undefined
      wire.connection.handle(this.#handlers({ current: wire }))
    }
    const holdTime = this.config.holdTime ?? this.#host.holdTime
    this.#send(
      side,
      encodeMessage({
        kind: 'open',
        asn: this.#host.asn,
        holdTime,
        routerId: this.#host.routerId,
        capabilities: this.#capabilities(),
      }),
    )
  }

  #capabilities(): Capability[] {
    return [
      ...this.config.families.map(
        (family): Capability => ({ kind: 'multiprotocol', ...FAMILY_CODES[family] }),
      ),
      { kind: 'route-refresh' },
      { kind: 'enhanced-route-refresh' },
      { kind: 'extended-message' },
      ...(this.config.extendedNextHop ? [EXTENDED_NEXT_HOP] : []),
      ...this.#gracefulRestart(),
      { kind: 'four-octet-as', asn: this.#host.asn },
    ]
  }

  #gracefulRestart(): Capability[] {
    const { gracefulRestart, families } = this.config
    if (gracefulRestart === undefined) return []
    const { time, forwarding } = gracefulRestart
    const restarting = this.#host.restarting()
    return [
      {
        kind: 'graceful-restart',
        restarting,
        notification: true,
        time,
        families: families.map((family) => ({ ...FAMILY_CODES[family], forwarding })),
      },
    ]
  }

  #send(side: Side, bytes: Uint8Array): void {
    const wire = this.#wires[side]
    if (wire === undefined) return
    wire.connection.write(bytes)
    this.#counters.messagesSent++
    this.#sent = this.#host.clock.now()
  }

  #close(side: Side): void {
    const wire = this.#wires[side]
    if (wire === undefined) return
    wire.open = false
    this.#wires[side] = undefined
    this.#linger(wire.connection)
  }

  /** Sends what is queued, then closes; cuts the connection when that takes too long. */
  #linger(connection: Connection): void {
    const closed = new Promise<void>((resolve) => {
      const cancel = this.#host.clock.after(LINGER, () => connection.destroy())
      connection.handle({
        ...ignoreAll,
        onClose: () => {
          cancel()
          resolve()
        },
      })
    })
    this.#closing.add(closed)
    void closed.then(() => this.#closing.delete(closed))
    connection.end()
  }

  #data(wire: Wire, bytes: Uint8Array): void {
    this.#received = this.#host.clock.now()
    try {
      wire.framer.push(bytes, (buffer, type, start, end) => {
        this.#counters.messagesReceived++
        if (type === MESSAGE.UPDATE && this.#session?.wire === wire) {
          this.#counters.updatesReceived++
          this.#host.rib.ingest.update(this.#session.ingest, buffer, start + HEADER_LENGTH, end)
        } else this.#message(wire, buffer, type, start, end)
        return wire.open
      })
    } catch (error) {
      this.#readError(wire, error)
    }
    this.#host.rib.schedule()
  }

  #readError(wire: Wire, error: unknown): void {
    if (error instanceof NotificationError) {
      this.#dispatch({ kind: 'bad-message', side: wire.side, error })
      return
    }
    // A fault of ours: it costs this session, not the process.
    this.#host.log.error('cannot process a message', { peer: this.config.address, error })
    this.#dispatch({
      kind: 'bad-message',
      side: wire.side,
      error: new NotificationError(ERROR.CEASE, CEASE.OUT_OF_RESOURCES, String(error)),
    })
  }

  #message(wire: Wire, bytes: Uint8Array, type: number, start: number, end: number): void {
    const reader = new Reader(bytes, start + HEADER_LENGTH, end)
    const { side } = wire
    if (type === MESSAGE.KEEPALIVE) this.#dispatch({ kind: 'keepalive', side })
    else if (type === MESSAGE.NOTIFICATION)
      this.#dispatch({ kind: 'notification', side, notification: decodeNotification(reader) })
    else if (type === MESSAGE.OPEN) this.#open(side, decodeOpen(reader))
    else if (type === MESSAGE.ROUTE_REFRESH && this.#session?.wire === wire)
      this.#refresh(this.#session, reader)
    else this.#dispatch({ kind: 'unexpected', side })
  }

  #open(side: Side, open: Open): void {
    if (negotiate(this.#capabilities(), open).families.length === 0) {
      this.#dispatch({
        kind: 'bad-message',
        side,
        error: new NotificationError(ERROR.OPEN, OPEN_ERROR.CAPABILITY, 'no common address family'),
      })
      return
    }
    this.#dispatch({ kind: 'open', side, open })
  }

  #refresh(session: Session, reader: Reader): void {
    const refresh = decodeRouteRefresh(reader)
    const family = familyOf(refresh)
    // RFC 2918 section 4: a family that was not negotiated is ignored.
    if (
      family === undefined ||
      !session.negotiated.families.includes(family) ||
      refresh.subtype !== REFRESH.REQUEST
    )
      return
    this.#host.rib.refresh(session.group, session.member, family)
  }

  #established(side: Side, open: Open, hold: number): void {
    const wire = this.#wires[side]!
    const negotiated = negotiate(this.#capabilities(), open)
    if (negotiated.extendedMessages) wire.framer.maxLength = MAX_EXTENDED_LENGTH
    const source = this.#source(open)
    source.routerId = open.routerId
    const ingest = this.#resume(this.#ingestPeer(source, negotiated, wire.connection), negotiated)
    const member = this.#member(source, wire)
    const group = this.#group(negotiated, wire.connection)
    this.#session = {
      wire,
      open,
      negotiated,
      source,
      since: this.#host.clock.now(),
      holdTime: hold / 1000,
      ingest,
      member,
      group,
      endOfRib: new Set(),
    }
    this.#received = this.#sent = this.#host.clock.now()
    this.#counters.established++
    this.#host.rib.join(group, member)
    this.#host.log.info('session established', { peer: this.config.address, families: negotiated.families })
    this.#host.event({
      kind: 'established',
      peer: this.config.address,
      routerId: idText(open.routerId),
      families: negotiated.families,
    })
  }

  /** The source of a retained session goes on. */
  #source(open: Open): Source {
    if (this.#retained !== undefined) return this.#retained.ingest.source
    return this.#host.rib.addSource({
      kind: open.asn === this.#host.asn ? 'ibgp' : 'ebgp',
      address: this.config.address,
      addressBytes: parseAddress(this.config.address)!,
      routerId: open.routerId,
      client: this.config.routeReflectorClient === true,
    })
  }

  /** Takes over what was retained: the families whose forwarding the peer kept stay until its End-of-RIB, the others go now (RFC 4724 section 4.2). */
  #resume(ingest: IngestPeer, negotiated: Negotiated): IngestPeer {
    const retained = this.#retained
    if (retained === undefined) return ingest
    const kept =
      negotiated.gracefulRestart?.families.filter(({ forwarding }) => forwarding).map(familyOf) ?? []
    for (const family of retained.families) {
      if (kept.includes(family) && negotiated.families.includes(family)) continue
      retained.families.delete(family)
      this.#drop(retained.ingest, family)
    }
    retained.deadline = this.#host.clock.now() + RESYNC
    if (retained.families.size === 0) this.#retained = undefined
    Object.assign(ingest.received, retained.ingest.received)
    Object.assign(ingest.accepted, retained.ingest.accepted)
    return ingest
  }

  #drop(ingest: IngestPeer, family: Family): void {
    this.#host.rib.drop(ingest.source, family)
    ingest.received[family] = ingest.accepted[family] = 0
  }

  /** Gives up what was retained: all of it without a session, else what the peer has not sent again. */
  #release(): void {
    const retained = this.#retained
    if (retained === undefined) return
    this.#retained = undefined
    this.#host.log.info('stale routes removed', { peer: this.config.address })
    if (this.#session !== undefined) {
      for (const family of retained.families) this.#host.rib.sweepStale(this.#session.ingest, family)
      return
    }
    for (const family of retained.families) this.#drop(retained.ingest, family)
    this.#host.rib.retire(retained.ingest.source)
  }

  #endOfRib(family: Family): void {
    const session = this.#session
    if (session === undefined) return
    session.endOfRib.add(family)
    if (this.#retained?.families.delete(family)) this.#host.rib.sweepStale(session.ingest, family)
    if (this.#retained?.families.size === 0) this.#retained = undefined
    this.#host.event({ kind: 'end-of-rib', peer: this.config.address, family })
    this.#host.progress()
  }

  #ingestPeer(source: Source, negotiated: Negotiated, connection: Connection): IngestPeer {
    const own = ownAddresses(this.config, connection)
    const context: UpdateContext = {
      fourOctetAs: negotiated.fourOctetAs,
      internal: source.kind === 'ibgp',
      localAsn: this.#host.asn,
      addPath4: negotiated.addPathReceive.includes('ipv4-unicast'),
      addPath6: negotiated.addPathReceive.includes('ipv6-unicast'),
    }
    return {
      source,
      context,
      families: negotiated.families,
      policy: this.#host.engine(this.config.importPolicy),
      clusterId: this.#host.clusterId,
      localId: this.#host.routerId,
      firstAsn: source.kind === 'ebgp' && this.config.enforceFirstAs !== false ? this.config.asn : 0,
      isOwnAddress: (bytes, at, length) =>
        own.some(
          (address) => address.length === length && address.every((byte, i) => bytes[at + i] === byte),
        ),
      maxPrefixes: this.config.maxPrefixes ?? Number.POSITIVE_INFINITY,
      received: { 'ipv4-unicast': 0, 'ipv6-unicast': 0 },
      accepted: { 'ipv4-unicast': 0, 'ipv6-unicast': 0 },
      rejected: (reason, prefix) => this.#reject('import', reason, prefix),
      treatedAsWithdraw: (problem) => {
        this.#counters.treatedAsWithdraw++
        this.#host.log.warn('malformed UPDATE treated as withdraw', { peer: this.config.address, problem })
      },
      attributesDiscarded: (problem) => {
        this.#counters.attributesDiscarded++
        this.#host.log.debug('malformed attribute discarded', { peer: this.config.address, problem })
      },
      endOfRib: (family) => this.#endOfRib(family),
    }
  }

  #member(source: Source, wire: Wire): Member {
    return {
      source,
      write: (bytes, messages) => {
        this.#counters.messagesSent += messages
        this.#counters.updatesSent += messages
        this.#sent = this.#host.clock.now()
        this.#flow.written += bytes.length
        wire.connection.write(bytes)
      },
      border: (family, kind) => this.#border(family, kind),
      pending: () => wire.connection.pendingBytes(),
      rejected: (reason, prefix) => this.#reject('export', reason, prefix),
    }
  }

  #border(family: Family, kind: Border): void {
    const session = this.#session
    if (session === undefined) return
    if (kind === 'end-of-rib') {
      if (this.#host.restarting() && this.config.gracefulRestart !== undefined)
        this.#postponedEnds.add(family)
      else session.member.write(encodeEndOfRib(family), 1)
    } else if (session.negotiated.enhancedRefresh) {
      const subtype = kind === 'refresh-begin' ? REFRESH.BEGIN : REFRESH.END
      this.#send(
        session.wire.side,
        encodeMessage({ kind: 'route-refresh', ...FAMILY_CODES[family], subtype }),
      )
    }
  }

  #group(negotiated: Negotiated, connection: Connection): UpdateGroup {
    const { rib } = this.#host
    const groupConfig = makeGroupConfig(this.config, this.#host, negotiated, connection.localAddress)
    const key = groupKey(groupConfig, this.config.exportPolicy)
    return rib.group(
      key,
      () =>
        new UpdateGroup(
          groupConfig,
          this.#host.engine(this.config.exportPolicy),
          rib.attributes,
          rib.sources,
        ),
    )
  }

  #reject(direction: 'import' | 'export', reason: string, prefix: string): void {
    this.#rejected.set(reason, (this.#rejected.get(reason) ?? 0) + 1)
    this.#host.reject({ peer: this.config.address, direction, prefix, reason })
  }

  /** The families whose routes outlive the session: the peer is restarting (RFC 4724), or both sides treat a NOTIFICATION like that (RFC 8538). */
  #keeps(reason: EndReason, { negotiated }: Session): readonly Family[] {
    const restart = negotiated.gracefulRestart
    if (restart === undefined || !this.#fsm.running) return []
    if (reason.kind !== 'closed') {
      const { code, subcode } = reason.notification
      const soft =
        code === ERROR.HOLD_TIMER ||
        (code === ERROR.CEASE && subcode !== CEASE.HARD_RESET && subcode !== CEASE.MAX_PREFIXES)
      if (!restart.notification || !soft) return []
    }
    return negotiated.families.filter((family) =>
      restart.families.some((entry) => familyOf(entry) === family),
    )
  }

  #down(reason: EndReason): void {
    const session = this.#session
    if (session === undefined) throw new BgpError('closed', 'no session to end')
    this.#session = undefined
    const { rib } = this.#host
    rib.leave(session.group, session.member)
    this.#postponedEnds.clear()
    Object.assign(this.#flow, { written: 0, left: 0 })
    // A second end before everything came again ends the retention of the first (RFC 4724 section 4.2).
    for (const family of this.#retained?.families ?? []) rib.sweepStale(session.ingest, family)
    this.#retained = undefined
    const kept = this.#keeps(reason, session)
    for (const family of session.negotiated.families) {
      if (kept.includes(family)) rib.markStale(session.ingest, family)
      else this.#drop(session.ingest, family)
    }
    if (kept.length === 0) rib.retire(session.source)
    else {
      const deadline = this.#host.clock.now() + session.negotiated.gracefulRestart!.time * 1000
      this.#retained = { ingest: session.ingest, families: new Set(kept), deadline }
    }
    this.#lastDown = downReason(reason, true)
    this.#host.log.info('session ended', { peer: this.config.address, reason: this.#lastDown })
    this.#host.event({ kind: 'down', peer: this.config.address, reason: this.#lastDown })
  }
}

/** IPv4 unicast with IPv6 next hops (RFC 8950). */
const EXTENDED_NEXT_HOP: Capability = {
  kind: 'extended-next-hop',
  families: [{ afi: 1, safi: 1, nextHopAfi: 2 }],
}

const ignoreAll: ConnectionHandlers = { onConnect() {}, onData() {}, onDrain() {}, onClose() {} }

function advertised({ group, source, negotiated }: Session): number {
  return negotiated.families.reduce(
    (sum, family) => sum + group.out[family].count - (group.out[family].bySource.get(source.index) ?? 0),
    0,
  )
}

function ownAddresses({ nextHop }: PeerConfig, connection: Connection): Uint8Array[] {
  return [connection.localAddress, nextHop?.ipv4, nextHop?.ipv6].flatMap((text) => {
    const bytes = text === undefined ? undefined : parseAddress(text)
    return bytes === undefined ? [] : [bytes]
  })
}

function downReason(reason: EndReason, established: boolean): DownReason {
  if (reason.kind === 'closed') {
    if (!established) return { kind: 'connection-failed', error: reason.error ?? 'closed by the peer' }
    return { kind: 'connection-closed', ...(reason.error === undefined ? {} : { error: reason.error }) }
  }
  const { code, subcode } = reason.notification
  const communication = shutdownCommunication(reason.notification)
  return {
    kind: reason.kind === 'sent' ? 'notification-sent' : 'notification-received',
    code,
    subcode,
    text: notificationText(code, subcode),
    ...(communication === undefined ? {} : { communication }),
  }
}

function idText(id: number): string {
  return [id >>> 24, (id >>> 16) & 255, (id >>> 8) & 255, id & 255].join('.')
}
