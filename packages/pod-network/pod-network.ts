/** The pod network of this node: Nodes in, kernel and BGP out. */
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import { type Flushable, FlushGroup, type PendingChange } from '@podroute/reconcile/flush-order.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { TableStats } from '@podroute/reconcile/table.ts'
import type { PeerEvent } from 'bgp-speaker-ts/snapshot.ts'
import { type CreateSpeaker, Peering } from './bgp/instance.ts'
import { peerKey } from './bgp/peers.ts'
import { planConflist } from './bridge/conflist.ts'
import { lookAround, mtuOf, NOWHERE, type Surroundings, watchSurroundings } from './bridge/host-interfaces.ts'
import { BridgePorts } from './bridge/ports.ts'
import { PodNetworkError } from './errors.ts'
import { ClusterNodes } from './nodes/cluster-nodes.ts'
import { NodeProblems } from './nodes/node-problems.ts'
import { Planner } from './planner.ts'
import type { Condition } from './readiness/conditions.ts'
import { Readiness } from './readiness/readiness.ts'
import { LearnedRoutes } from './route-sources/bgp.ts'
import type { PodNetworkSettings } from './settings.ts'
import { type NamedPeer, namedPeers, type PodNetworkSnapshot, snapshot } from './snapshot.ts'
import { createTables, flushOrder, type PodNetworkKernel, type PodNetworkTables } from './tables.ts'
import { NamedTimers } from './timers.ts'

export interface PodNetworkOptions {
  readonly nodeName: string
  readonly settings: PodNetworkSettings
  readonly kernel: PodNetworkKernel
  readonly createSpeaker: CreateSpeaker
  readonly clock: Clock
  readonly log: Logger
  /** Whether an address is a Service's on this node. */
  isVip(address: string): boolean
  /** Why pods must not start yet, as others say; undefined: nothing. */
  podGate(): string | undefined
}

/** Changes are gathered for this long before they are planned, in milliseconds. */
const COALESCE = 20
const AUDIT_EVERY = 60_000
/** After a link or an address changed: IPv4 routes that went with it are not announced, so look. */
const LOOK_AFTER = 100
const RETRY = 1000
/** The speaker sends what it withdraws within a tenth of a second. */
const TELL_FOR = 200
/**
 * The speaker tells of best paths when it has read what there was to read, the End-of-RIB behind them included: what a peer has
 * repeated must not go for a moment, which a flush that is under way would make true in the kernel.
 */
const HEARD_AFTER = 1000

export class PodNetwork implements AsyncDisposable {
  readonly #options: PodNetworkOptions
  readonly #log: Logger
  readonly #nodes: ClusterNodes
  readonly #problems: NodeProblems
  readonly #tables: PodNetworkTables
  readonly #group: FlushGroup
  readonly #peering: Peering
  readonly #learned: LearnedRoutes
  readonly #planner: Planner
  readonly #ports: BridgePorts
  readonly #subscriptions: Disposable[] = []
  readonly #timers: NamedTimers
  readonly #readiness: Readiness
  /** When the sessions that are down were lost. */
  readonly #lostAt = new Map<string, number>()
  #settings: PodNetworkSettings
  #surroundings: Surroundings = NOWHERE
  #surroundingsKnown = false
  #adoptedKept = false
  #swept = false
  #saidFailure = ''
  #work: Promise<void> | undefined
  #again = false
  #closed = false

  constructor(options: PodNetworkOptions) {
    const { clock, log, kernel } = options
    const settings = () => this.#settings
    this.#options = options
    this.#settings = options.settings
    this.#log = log
    this.#nodes = new ClusterNodes(options.nodeName)
    this.#problems = new NodeProblems(log)
    this.#timers = new NamedTimers(clock)
    this.#peering = new Peering(
      options.createSpeaker,
      settings,
      {
        onBest: (changes) => this.#onBest(changes),
        onPeer: (event) => this.#onPeer(event),
        nodeAt: (peer) => this.#nodes.withAddress(peer)?.name,
        onReplaced: () => this.#onReplaced(),
      },
      log,
    )
    this.#tables = createTables(kernel, settings, () => this.#peering.speaker, { clock, log })
    this.#readiness = new Readiness({
      nodeName: options.nodeName,
      nodes: this.#nodes,
      routers: () => new Set(this.#settings.externalPeers.map(peerKey)),
      tables: this.#tables,
      sessions: this.#peering,
      log,
      podGate: () => options.podGate(),
    })
    this.#group = new FlushGroup(flushOrder(this.#tables), { clock, log, onFlushed: () => this.wake() })
    this.#planner = new Planner({ ...options, settings }, this.#nodes, this.#tables)
    this.#ports = new BridgePorts({
      table: this.#tables.ports,
      bridge: options.settings.bridge,
      plan: () => ({ hairpin: this.#settings.hairpin }),
      bridgeMade: () => this.#onBridgeMade(),
      later: (action) => this.#timers.has('ports') || this.#timers.after('ports', LOOK_AFTER, action),
    })
    this.#learned = new LearnedRoutes({
      table: this.#tables.routes,
      log,
      now: () => clock.now(),
      keepFor: () => this.#settings.keepRoutes * 1000,
      guard: this.#planner.guard(undefined, NOWHERE),
    })
  }

  /** Takes over what is in the kernel; nothing is changed before the Nodes are known. @throws KernelError */
  async start(): Promise<void> {
    const { changes, links } = this.#options.kernel
    for (const table of [this.#tables.bridge, this.#tables.addresses, this.#tables.routes]) {
      this.#subscriptions.push(table.watch())
    }
    this.#subscriptions.push(this.#ports.watch(changes, links))
    await this.#group.adopt()
    this.#ports.learn(await links.list())
    this.#subscriptions.push(
      watchSurroundings(changes, {
        current: () => this.#surroundings,
        isOurs: (address) => this.#tables.addresses.get(address) !== undefined,
        moved: () => this.#moved(),
      }),
    )
    this.#timers.after('audit', AUDIT_EVERY, () => this.#audit())
    this.#timers.after('deadline', this.#options.settings.peerDeadline * 1000, () => {
      this.#readiness.patienceOver = true
      this.wake()
    })
    this.#group.start()
    this.wake()
  }

  setNode(node: ClusterNode): void {
    this.#problems.check(node, this.#nodes)
    this.#planner.markNode(node.name, this.#nodes.set(node))
    this.wake()
  }

  removeNode(name: string): void {
    this.#planner.markNode(name, this.#nodes.delete(name))
    this.#problems.forget(name)
    this.wake()
  }

  /** Every Node has been told at least once: planning may begin. */
  nodesSynced(): void {
    this.#readiness.nodesSynced = true
    this.wake()
  }

  /** Addresses of the API server, the one in use and others that are known. */
  setApiServers(addresses: readonly string[]): void {
    this.#planner.setApiServers(addresses)
    this.wake()
  }

  /** Something outside changed that readiness or protection depends on: looks again soon. */
  wake(): void {
    if (this.#closed) return
    this.#again = true
    // Never put off what is due: changes may come without end.
    if (this.#work !== undefined || this.#timers.has('wake')) return
    this.#timers.after('wake', COALESCE, () => this.#run())
  }

  conditions(): readonly Condition[] {
    return this.#readiness.conditions()
  }

  get ready(): boolean {
    return this.conditions().every((condition) => condition.ok)
  }

  snapshot(): PodNetworkSnapshot {
    return snapshot({
      nodeName: this.#options.nodeName,
      settings: this.#settings,
      nodes: this.#nodes,
      tables: this.#tables,
      learned: this.#learned,
      peers: this.peers(),
      rejected: this.#peering.rejected(),
      stats: this.stats(),
      conditions: this.conditions(),
    })
  }

  /** Sessions with the names of their nodes. */
  peers(): readonly NamedPeer[] {
    return namedPeers(this.#peering.peers(), this.#settings, this.#nodes)
  }

  /** Of each table by name. */
  stats(): Readonly<Record<string, TableStats>> {
    return this.#group.stats()
  }

  /** Changes that are still to be made, table by table. */
  pending(): Iterable<PendingChange> {
    return this.#group.pending()
  }

  /**
   * Takes changed settings; what differs is planned again. Returns what cannot change while the node has pods, each with its path and
   * what to do.
   */
  configure(settings: PodNetworkSettings): readonly string[] {
    const { bridge } = this.#settings
    this.#settings = { ...settings, bridge }
    this.#ports.planChanged()
    this.#planner.markAll()
    this.wake()
    if (settings.bridge === bridge) return []
    return [
      `podNetwork.bridge: pods hang on ${bridge}: drain the node, delete that bridge and restart the agent to use ${settings.bridge}`,
    ]
  }

  /**
   * Takes away what makes this node part of the pod network: the CNI configuration, announcements and sessions, learned routes and
   * masquerading. The bridge and its switches stay: the pods that run hang on it. May be called again after it failed.
   * @throws PodNetworkError (left-behind)
   */
  async cleanup(): Promise<void> {
    this.#closed = true
    this.#timers[Symbol.dispose]()
    await this.#work
    const { conflist, announcements, peers, routes, masquerade, masqueradeChain } = this.#tables
    await this.#remove(conflist, announcements)
    await this.#tellWithdrawals()
    await this.#remove(peers, routes, masqueradeChain, masquerade)
  }

  /** Ends sessions and timers; everything in the kernel, and at peers with graceful restart, stays: pods go on while another agent starts. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#timers[Symbol.dispose]()
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]()
    await this.#work
    await this.#group[Symbol.asyncDispose]()
    await this.#peering.leave('agent stops')
  }

  async #remove(...tables: readonly Flushable[]): Promise<void> {
    for (const table of tables) {
      await table.clear()
      for (const [key, { message }] of table.failures())
        throw new PodNetworkError('left-behind', `${table.name} ${key}: ${message}`)
    }
  }

  /** A peer that is not told would keep this node's routes when the session ends, as over a restart (RFC 4724). */
  async #tellWithdrawals(): Promise<void> {
    if (!this.#peering.peers().some(({ state }) => state === 'established')) return
    await new Promise<void>((resolve) => void this.#options.clock.after(TELL_FOR, resolve))
  }

  #run(): void {
    this.#again = false
    this.#work = this.#step()
      .then(() => {
        this.#saidFailure = ''
      })
      .catch((error: Error) => {
        // Tried each second, said once per reason.
        if (error.message !== this.#saidFailure)
          this.#log.error('the pod network could not be brought up to date', { error: error.message })
        this.#saidFailure = error.message
        this.#timers.after('retry', RETRY, () => this.wake())
      })
      .finally(() => {
        this.#work = undefined
        if (this.#again) this.wake()
      })
  }

  async #step(): Promise<void> {
    const local = this.#nodes.get(this.#options.nodeName)
    if (!this.#surroundingsKnown) await this.#look()
    if (!this.#readiness.nodesSynced || !local) return this.#readiness.sayWaiting()
    await this.#peering.ensure(local)
    const { nodesChanged } = this.#planner
    const changed = this.#planner.plan(local, this.#surroundings)
    if (changed || nodesChanged)
      this.#learned.setGuard(this.#planner.guard(local, this.#surroundings), changed ? 'all' : 'external')
    this.#keepAdopted()
    this.#expire()
    this.#planConflist(local)
    this.#sweep(local)
    this.#readiness.sayWaiting()
  }

  async #look(): Promise<void> {
    const { links, addresses, sysctls } = this.#options.kernel
    this.#surroundings = await lookAround(links, addresses, sysctls, this.#settings.bridge)
    this.#surroundingsKnown = true
    this.#planner.markAll()
  }

  #onBest(changes: Parameters<LearnedRoutes['onBest']>[0]): void {
    if (this.#closed) return
    // An outside router whose session is lost, and which has not asked for patience (RFC 4724), cannot be counted on; a node's pods are
    // where they were.
    const lostAt = (peer: string) =>
      this.#nodes.withAddress(peer) === undefined ? undefined : this.#lostAt.get(peer)
    this.#learned.onBest(changes, lostAt)
    this.#expire()
  }

  #onPeer(event: PeerEvent): void {
    const { peer } = event
    if (event.kind === 'established') this.#lostAt.delete(peer)
    if (event.kind === 'down') this.#lost(peer)
    if (event.kind === 'end-of-rib')
      this.#timers.after(`heard ${peer}`, HEARD_AFTER, () => this.#heardAll(peer))
    if (event.kind !== 'state') this.wake()
  }

  /** Remembers when a session was lost, for as long as that matters. */
  #lost(peer: string): void {
    const now = this.#options.clock.now()
    for (const [other, at] of this.#lostAt)
      if (at + this.#settings.keepRoutes * 1000 <= now) this.#lostAt.delete(other)
    this.#lostAt.set(peer, now)
  }

  /** What a peer that is back has not repeated is over; unless it went again meanwhile. */
  #heardAll(peer: string): void {
    if (!this.#peering.hasToldAll(peer)) return
    const node = this.#nodes.withAddress(peer)
    this.#learned.heardAll(new Set(node ? node.addresses.map((a) => a.text) : [peer]))
  }

  /** The kernel's switches of a bridge go with it. */
  #onBridgeMade(): void {
    const { sysctls } = this.#tables
    for (const name of sysctls.desired().keys())
      if (name.includes(`/${this.#settings.bridge}/`)) sysctls.touch(name)
  }

  #onReplaced(): void {
    for (const table of [this.#tables.peers, this.#tables.announcements]) void table.adopt()
    this.#learned.forgetPaths()
  }

  /** Routes to pods that were here before us stay until their node has had the time to announce them again. */
  #keepAdopted(): void {
    if (this.#adoptedKept) return
    this.#adoptedKept = true
    for (const node of this.#nodes.values()) {
      for (const prefix of node.podCidrs) {
        const route = this.#tables.routes.acknowledged(prefix.text)
        if (route && node.addresses.some((a) => a.text === route.gateway)) this.#learned.keepAdopted(route)
      }
    }
  }

  #expire(): void {
    const next = this.#learned.expire((prefix) => {
      const node = this.#nodes.withPodCidr(prefix)
      return node !== undefined && node.name !== this.#options.nodeName
    })
    if (next === undefined) return
    this.#timers.after('expire', Math.max(0, next - this.#options.clock.now()), () => this.#expire())
  }

  #planConflist(local: ClusterNode): void {
    if (!this.#readiness.mayTakePods) return
    const settings = this.#settings
    const { conflist } = this.#tables
    const text = planConflist(local, mtuOf(local, settings, this.#surroundings), settings)
    if (conflist.get(settings.conflist) !== text)
      this.#log.info('the CNI configuration is written', { path: settings.conflist })
    conflist.set(settings.conflist, text)
    for (const path of conflist.desired().keys()) if (path !== settings.conflist) conflist.delete(path)
  }

  /** What nobody wants any more goes once everybody has spoken, or had the time to. */
  #sweep(local: ClusterNode): void {
    if (this.#swept || !this.#readiness.allHeard) return
    // Without its fields nothing is wanted yet of what its pods need.
    if (local.podCidrs.length === 0 || local.addresses.length === 0) return
    this.#swept = true
    this.#readiness.patienceOver = true
    const { addresses, masquerade, routes } = this.#tables
    const swept = addresses.sweep() + masquerade.sweep() + routes.sweep()
    if (swept > 0) this.#log.info('left-overs of an earlier run are removed', { count: swept })
  }

  #moved(): void {
    this.#timers.after('look', LOOK_AFTER, () => {
      this.#surroundingsKnown = false
      this.wake()
      void Promise.all([this.#tables.routes.audit(), this.#tables.addresses.audit()]).catch((error: Error) =>
        this.#log.warn('audit failed', { error: error.message }),
      )
    })
  }

  #audit(): void {
    this.#group
      .audit()
      .catch((error: Error) => this.#log.warn('audit failed', { error: error.message }))
      .finally(() => this.#timers.after('audit', AUDIT_EVERY, () => this.#audit()))
  }
}
