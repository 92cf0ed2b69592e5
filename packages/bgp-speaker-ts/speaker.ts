// The public API: one BGP speaker with its peers and its routes.
import { EventEmitter } from 'node:events'
import { parseId, parsePrefix, splitZone } from './address.ts'
import type { ObservedSpeaker, SpeakerObserver } from './bmp/observer.ts'
import { type Clock, systemClock } from './clock.ts'
import { checkDynamicPeers, checkPeer, checkSpeaker, type SpeakerAbilities } from './config/config-check.ts'
import { sessionResetFields } from './config/session-reset-fields.ts'
import type { Announcement, DynamicPeersConfig, Family, PeerConfig, SpeakerConfig } from './config.ts'
import { BgpConfigError, BgpError } from './errors.ts'
import { type Logger, silentLogger } from './log.ts'
import { CEASE } from './packet/codes.ts'
import { cease, type Notification } from './packet/notification.ts'
import { InternedValues } from './peer/interned-values.ts'
import { PathWatch } from './peer/path-watch.ts'
import { Peer } from './peer/peer.ts'
import type { SpeakerContext } from './peer/speaker-context.ts'
import { canonicalAddress, peerName } from './peer-name.ts'
import { PolicyEngines } from './policy/engines.ts'
import type { FamilyRib } from './rib/family-rib.ts'
import { Rib } from './rib/rib.ts'
import type {
  BestPathChange,
  Path,
  PathsChange,
  PeerEvent,
  PeerSnapshot,
  RejectEvent,
  RejectedPath,
  TableSizes,
} from './snapshot.ts'
import { heldBack } from './speaker/attempts.ts'
import { DynamicPeers } from './speaker/dynamic-peers.ts'
import { Listeners } from './speaker/listeners.ts'
import { OwnRoutes } from './speaker/own-routes.ts'
import { RestartWatch } from './speaker/restart-watch.ts'
import { RibReader } from './speaker/rib-reader.ts'
import type { Connection, Transport } from './transport.ts'
import { nodeTransport } from './transport-node.ts'

export interface SpeakerEvents {
  peer: [event: PeerEvent]
  /** Changes of best paths, one event for each family and flush; a prefix occurs once in it. */
  best: [changes: readonly BestPathChange[]]
  /** Changes of any paths that policy accepts, for users who want more than the best; with add-path (RFC 7911) several of one peer. */
  paths: [changes: readonly PathsChange[]]
  reject: [event: RejectEvent]
}

const TICK = 1000
const DEFAULT_HOLD_TIME = 90
/** SpeakerConfig.selectionDeferralTime when absent, in seconds. */
const DEFAULT_DEFERRAL = 60

/**
 * A BGP-4 speaker (RFC 4271).
 * `const speaker = new Speaker({...}); speaker.on('best', …); speaker.addPeer({...}); await speaker.start()`
 */
export class Speaker extends EventEmitter<SpeakerEvents> {
  readonly config: SpeakerConfig
  readonly #clock: Clock
  readonly #log: Logger
  readonly #transport: Transport
  readonly #rib: Rib
  readonly #ribReader: RibReader
  readonly #context: SpeakerContext
  readonly #peers = new Map<string, Peer>()
  readonly #engines: PolicyEngines
  readonly #own: OwnRoutes
  readonly #listeners: Listeners
  readonly #restart: RestartWatch
  #started = false
  #closed = false
  #cancelTick: (() => void) | undefined
  /** The clock's time of the start, from which ticks are counted. */
  #startedAt = 0
  /** The next tick is more than one tick away, or none is armed. */
  #sleeping = false
  readonly #dynamic = new DynamicPeers()
  readonly #paths: PathWatch

  /** @throws BgpConfigError listing every problem with its path. */
  constructor(config: SpeakerConfig) {
    super()
    checkSpeaker(config)
    this.config = config
    this.#clock = config.clock ?? systemClock
    this.#log = config.log ?? silentLogger
    this.#transport = config.transport ?? nodeTransport
    this.#listeners = new Listeners(this.#transport)
    const routerId = parseId(config.routerId)!
    this.#rib = new Rib(
      this.#clock,
      {
        changed: (rib, prefixes) => this.#changed(rib, prefixes),
        touched: (rib, prefixes) => this.#touched(rib, prefixes),
        swept: () => this.#engines.forget(),
        flushed: () => this.#active(),
      },
      routerId,
      config.multipath,
    )
    this.#engines = new PolicyEngines(this.#rib.attributes)
    this.#own = new OwnRoutes(this.#rib)
    this.#restart = new RestartWatch(this.#clock, this.#rib, this.#peers, config.restarting === true)
    this.#ribReader = new RibReader(this.#rib)
    this.#paths = new PathWatch(
      config.bfd,
      (peer) => this.#peers.get(canonicalAddress(peer))?.pathFailed(),
      this.#log,
    )
    this.#context = this.#makeContext(routerId)
  }

  /** Binds the listening sockets and starts all peers; peers that are added later start at once. @throws when an address cannot be bound. */
  async start(): Promise<void> {
    if (this.#started || this.#closed) throw new BgpError('closed', 'a speaker is started once')
    this.#started = true
    const { listen, selectionDeferralTime = DEFAULT_DEFERRAL } = this.config
    if (listen !== undefined) await this.#listeners.open(listen, (connection) => this.#accept(connection))
    this.#restart.start(selectionDeferralTime)
    this.#startedAt = this.#clock.now()
    this.#tickAfter(this.#startedAt)
    for (const peer of this.#peers.values()) peer.start()
  }

  /** Listens on other addresses from now on, at the port of the configuration; no session ends for that. @throws when an address cannot be bound: what was listened on before stays. */
  async listenOn(addresses: readonly string[]): Promise<void> {
    const { listen } = this.config
    if (listen === undefined || this.#closed) throw new BgpError('closed', 'the speaker does not listen')
    await this.#listeners.move(addresses, listen.port, (connection) => this.#accept(connection))
  }

  /** Addresses and ports that are listened on, after `start`. */
  listening(): readonly { readonly address: string; readonly port: number }[] {
    return this.#listeners.addresses
  }

  /** @throws BgpConfigError on a bad or a second configuration of one address. */
  addPeer(config: PeerConfig): void {
    if (this.#closed) throw new BgpError('closed', 'the speaker is closed')
    checkPeer(config, this.#abilities())
    const name = peerName(config)
    const known = this.#peers.get(canonicalAddress(name))
    if (known !== undefined && !known.dynamic)
      throw new BgpConfigError([{ path: 'address', problem: `there is a peer ${name} already` }])
    if (known !== undefined) void this.#forget(known, cease(CEASE.CONFIGURATION_CHANGE))
    const peer = new Peer(config, this.#context)
    this.#peers.set(canonicalAddress(name), peer)
    this.#setPassword(peer.remote, config.password)
    if (this.#started) peer.start()
  }

  /**
   * Applies a changed configuration. The session is reset only for fields that the OPEN or the connection carries; never for policies, next hops, limits, `routeReflectorClient`, `validated`, timers but the hold time, BFD, TTL and `passive`, nor for the TCP-MD5 key where the transport can change it.
   * @throws BgpConfigError, BgpError `unknown-peer`
   */
  updatePeer(config: PeerConfig): void {
    const peer = this.#peer(peerName(config))
    checkPeer(config, this.#abilities())
    if (
      sessionResetFields(config) === sessionResetFields(peer.config) &&
      this.#rekey(peer, config.password)
    ) {
      peer.reconfigure(config)
      return
    }
    void this.#forget(peer, cease(CEASE.CONFIGURATION_CHANGE))
    this.addPeer(config)
  }

  /** Ends the session with CEASE/Peer De-configured and forgets the peer and its routes. Resolves when the connection is closed. @throws BgpError `unknown-peer` */
  async removePeer(address: string): Promise<void> {
    await this.#forget(this.#peer(address), cease(CEASE.PEER_DECONFIGURED))
  }

  /** Accepts connections from a prefix: each address becomes a peer while its session lasts. @throws BgpConfigError on a bad or a second configuration of one prefix. */
  addDynamicPeers(config: DynamicPeersConfig): void {
    if (this.#closed) throw new BgpError('closed', 'the speaker is closed')
    checkDynamicPeers(config, this.#abilities())
    this.#dynamic.add(config)
    this.#listeners.setPassword(config.prefix, config.password)
  }

  /** Removes a range and ends the sessions of its peers. @throws BgpError `unknown-peer` */
  async removeDynamicPeers(prefix: string): Promise<void> {
    const range = this.#dynamic.remove(prefix)
    if (range === undefined) throw new BgpError('unknown-peer', `no range ${prefix}`)
    await Promise.all(range.members.map((address) => this.removePeer(address)))
    this.#listeners.setPassword(prefix, undefined)
  }

  /** Ends a peer's session with CEASE/Administrative Reset and `reason` (RFC 9003) and connects again. With graceful restart and the N bit both sides keep their routes meanwhile (RFC 8538). @throws BgpError `unknown-peer` */
  resetPeer(address: string, reason = ''): void {
    this.#peer(address).reset(cease(CEASE.ADMINISTRATIVE_RESET, reason))
  }

  /** Connects to a peer at once where there is no session: its owner has news that it may be there. @throws BgpError `unknown-peer` */
  retryPeer(address: string): void {
    this.#peer(address).retry()
  }

  /** Asks a peer to send all routes of a family again (RFC 2918). Returns false without a session, or when the peer has no route refresh. @throws BgpError `unknown-peer` */
  requestRefresh(address: string, family: Family): boolean {
    return this.#peer(address).requestRefresh(family)
  }

  /** Announces a route of our own to all peers, or replaces it. @throws BgpConfigError */
  announce(route: Announcement): void {
    this.#own.announce(route)
  }

  /** Withdraws a route of our own; ignores one that is not announced. */
  withdraw(cidr: string): void {
    this.#own.withdraw(cidr)
  }

  /** SpeakerConfig.validator may judge routes in these prefixes otherwise now: they are judged again, and others are told of what changes. @throws BgpConfigError */
  revalidate(prefixes: readonly string[]): void {
    const ranges = prefixes.map((text) => {
      const range = parsePrefix(text)
      if (range === undefined) throw new BgpConfigError([{ path: 'prefix', problem: `${text} is no prefix` }])
      return range
    })
    const judged = [...this.#peers.values()].flatMap(({ ingest }) => (ingest?.validator ? [ingest] : []))
    if (ranges.length > 0 && judged.length > 0) this.#rib.revalidate(judged, ranges)
  }

  peers(): readonly PeerSnapshot[] {
    return [...this.#peers.values()].map((peer) => peer.snapshot())
  }

  /** Current configurations of the peers that were added; dynamic peers have none of their own. */
  *configurations(): IterableIterator<PeerConfig> {
    for (const peer of this.#peers.values()) if (!peer.dynamic) yield peer.config
  }

  /** The configuration of the peer that was added with this address or interface. */
  configuration(address: string): PeerConfig | undefined {
    const peer = this.#peers.get(canonicalAddress(address))
    return peer?.dynamic === false ? peer.config : undefined
  }

  /** Best paths, in no particular order. They are decoded during the iteration: do not keep the iterator across turns of the event loop. */
  routes(family?: Family): IterableIterator<Path> {
    return this.#ribReader.routes(family)
  }

  /** All paths to one prefix that policy accepts, in no particular order; with add-path (RFC 7911) several of one peer. */
  paths(cidr: string): readonly Path[] {
    return this.#ribReader.paths(cidr)
  }

  /** Paths that import policy keeps out, and those that the speaker itself refuses, such as loops, in no particular order. Do not hold the iterator across turns. */
  *rejected(): IterableIterator<RejectedPath> {
    for (const { ingest } of this.#peers.values())
      if (ingest !== undefined) yield* this.#ribReader.rejected(ingest)
  }

  /** Lets an observer see the sessions, and what their peers send: `Bmp` is one. */
  observe(observer: SpeakerObserver): ObservedSpeaker {
    this.#context.observer = observer
    const { rib, clock, transport, random, log } = this.#context
    const peers = this.#peers
    return {
      ...{ rib, clock, transport, random, log },
      *sessions() {
        for (const { session } of peers.values()) if (session !== undefined) yield session
      },
    }
  }

  /** Sizes of the tables, for metrics. */
  tables(): TableSizes {
    return this.#ribReader.sizes()
  }

  /** Routes of our own. */
  announced(): readonly Announcement[] {
    return this.#own.all()
  }

  /** Ends all sessions with CEASE/Administrative Shutdown and `reason` (RFC 9003, at most 255 bytes of UTF-8), closes the listeners; resolves when all is closed. */
  async close(reason = ''): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#cancelTick?.()
    this.#paths.close()
    const notification = cease(CEASE.ADMINISTRATIVE_SHUTDOWN, reason)
    await Promise.all(
      [...this.#peers.values()].map((peer) => peer.stop(notification)).concat(this.#listeners.close()),
    )
    this.#rib.close()
  }

  /** Cuts all connections without a NOTIFICATION, so that peers with graceful restart keep our routes until we are back (`restarting: true`). BFD goes on: its owner ends it a moment later, as FRR takes the end of it for a failure while it has the connection. Resolves when the listeners are closed. */
  async abandon(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#cancelTick?.()
    for (const peer of this.#peers.values()) peer.abandon()
    await this.#listeners.close()
    this.#rib.close()
  }

  #makeContext(routerId: number): SpeakerContext {
    const { config } = this
    return {
      asn: config.asn,
      routerId,
      clusterId: config.clusterId === undefined ? routerId : parseId(config.clusterId)!,
      holdTime: config.holdTime ?? DEFAULT_HOLD_TIME,
      clock: this.#clock,
      random: config.random ?? Math.random,
      log: this.#log,
      transport: this.#transport,
      discovery: config.discovery,
      rib: this.#rib,
      observer: undefined,
      validator: config.validator,
      paths: this.#paths,
      interned: new InternedValues(),
      setPassword: (remote, password) => this.#listeners.setPassword(remote, password),
      engine: (policy) => this.#engines.get(policy),
      emitPeer: (event) => void this.emit('peer', event),
      emitReject: (event) => void this.emit('reject', event),
      restarting: () => this.#restart.restarting,
      restarted: (seconds) =>
        config.restarted === true && this.#clock.now() - this.#startedAt < seconds * 1000,
      timersChanged: () => this.#active(),
      restartProgress: () => this.#restart.check(),
      dynamicPeerGone: (address) => {
        this.#peers.delete(address)
        this.#dynamic.release(address)
        this.#paths.forget(address)
      },
    }
  }

  #abilities(): SpeakerAbilities {
    const { bfd, discovery, validator } = this.config
    const parts = { bfd, discovery, validator }
    const has = (part: keyof typeof parts) => parts[part] !== undefined
    return {
      ...this.#transport.supports,
      bfd: has('bfd'),
      discovery: has('discovery'),
      validator: has('validator'),
    }
  }

  /** Changes the key of a peer where it is another one, on the session that there is too. Both ends get it at different times: TCP sends again what was not signed well. */
  #rekey(peer: Peer, password: string | undefined): boolean {
    if (password === peer.config.password) return true
    this.#setPassword(peer.remote, password)
    return peer.rekey(password)
  }

  #setPassword(remote: string | undefined, password: string | undefined): void {
    if (remote !== undefined) this.#listeners.setPassword(remote, password)
  }

  #accept(connection: Connection): void {
    const remote = canonicalAddress(connection.remoteAddress)
    const peer = this.#peerAt(remote) ?? this.#dynamicPeer(remote)
    if (peer === undefined || this.#closed) {
      this.#log.debug('connection from a stranger refused', { address: remote })
      connection.destroy()
      return
    }
    peer.accept(connection)
  }

  /** Finds the peer with that address; for a link-local address also the unnumbered peer of its link. */
  #peerAt(remote: string): Peer | undefined {
    const known = this.#peers.get(remote)
    if (known !== undefined) return known
    const unnumbered = this.#peers.get(splitZone(remote).zone ?? '')
    return unnumbered?.admits(remote) ? unnumbered : undefined
  }

  /** Makes a peer for an address inside one of the ranges; undefined: no range with room has it. */
  #dynamicPeer(address: string): Peer | undefined {
    const config = this.#closed ? undefined : this.#dynamic.claim(address)
    if (config === undefined) return undefined
    const peer = new Peer(config, this.#context, true)
    this.#peers.set(peer.name, peer)
    peer.start()
    return peer
  }

  /** Does what is due. Ticks are whole seconds apart, so that many peers share one; none comes while nothing waits for it. */
  #tick(): void {
    const now = this.#clock.now()
    let next = Number.POSITIVE_INFINITY
    let waiting = false
    const due = [...this.#peers.values()].filter((peer) => now >= peer.deadline)
    const held = heldBack(due, now)
    for (const peer of due) peer.tick(held.has(peer))
    for (const peer of this.#peers.values()) {
      waiting = peer.watchSending(now) || waiting
      next = Math.min(next, peer.deadline)
    }
    this.#restart.check()
    this.#rib.drained()
    this.#tickAfter(waiting || this.#restart.restarting || this.#rib.busy() ? now : next)
  }

  /** Arms the first tick that is later than now and not before `time`. */
  #tickAfter(time: number): void {
    this.#cancelTick?.()
    this.#cancelTick = undefined
    const now = this.#clock.now()
    const ticks = Math.max(
      Math.ceil((time - this.#startedAt) / TICK),
      Math.floor((now - this.#startedAt) / TICK) + 1,
    )
    const delay = this.#startedAt + ticks * TICK - now
    this.#sleeping = delay > TICK
    if (delay !== Number.POSITIVE_INFINITY) this.#cancelTick = this.#clock.after(delay, () => this.#tick())
  }

  /** Something happened that may want a tick sooner than it was thought. */
  #active(): void {
    if (this.#sleeping && !this.#closed) this.#tickAfter(this.#clock.now())
  }

  #changed(rib: FamilyRib, prefixes: Int32Array): void {
    if (this.listenerCount('best') === 0) return
    this.emit('best', this.#ribReader.changes(rib, prefixes))
  }

  #touched(rib: FamilyRib, prefixes: Int32Array): void {
    if (this.listenerCount('paths') === 0) return
    this.emit('paths', this.#ribReader.allPaths(rib, prefixes))
  }

  #peer(address: string): Peer {
    const peer = this.#peers.get(canonicalAddress(address))
    if (peer === undefined) throw new BgpError('unknown-peer', `no peer ${address}`)
    return peer
  }

  #forget(peer: Peer, notification: Notification): Promise<void> {
    this.#peers.delete(canonicalAddress(peer.name))
    this.#dynamic.release(peer.name)
    this.#paths.forget(peer.name)
    this.#setPassword(peer.remote, undefined)
    return peer.stop(notification)
  }
}
