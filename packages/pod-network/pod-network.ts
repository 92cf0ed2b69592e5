/** The pod network of this node: Nodes in, kernel and BGP out. */
import { type ClusterNode, sameNetwork } from '@podroute/cluster/objects/node.ts'
import type { Condition } from '@podroute/feature/condition.ts'
import { Claims } from '@podroute/reconcile/claims.ts'
import { Controller } from '@podroute/reconcile/controller.ts'
import type { Flushable, PendingChange } from '@podroute/reconcile/flush-order.ts'
import type { TableStats } from '@podroute/reconcile/table.ts'
import type { BestPathChange, PeerEvent } from 'bgp-speaker-ts/snapshot.ts'
import { Bgp } from './bgp/bgp.ts'
import { peerKey } from './bgp/peers.ts'
import { type BgpTables, bgpFlushOrder } from './bgp/tables.ts'
import { planConflist } from './bridge/conflist.ts'
import { HostInterfaces, mtuOf } from './bridge/host-interfaces.ts'
import { BridgePorts } from './bridge/ports.ts'
import { PodNetworkError } from './errors.ts'
import type { PlanKey, PodNetworkKey } from './keys.ts'
import { ClusterNodes } from './nodes/cluster-nodes.ts'
import { NodeProblems } from './nodes/node-problems.ts'
import type { PodNetworkOptions } from './options.ts'
import { Planner } from './planner.ts'
import { Readiness } from './readiness/readiness.ts'
import { BgpRoutes, type RouteClaims } from './route-sources/bgp.ts'
import type { PodNetworkSettings } from './settings.ts'
import { type NamedPeer, namedPeers, type PodNetworkSnapshot, snapshot } from './snapshot.ts'
import { type KeyFacts, type KeyReport, problemsOf, reportKeys, wantsOf } from './status.ts'
import { createTables, flushOrder, type PodNetworkTables } from './tables.ts'
import { NamedTimers } from './timers.ts'

/** Least time between two flushes, in milliseconds: a change alone waits for nothing, many share a flush. */
const INTERVAL = 20
const AUDIT_PAUSE = 60_000
/** After a port has left its bridge, in milliseconds: the port of a pod that goes is gone a moment later. */
const PUT_BACK_AFTER = 100
/** The speaker sends what it withdraws within a tenth of a second. */
const TELL_FOR = 200

export class PodNetwork implements AsyncDisposable {
  readonly #options: PodNetworkOptions
  readonly #nodes: ClusterNodes
  readonly #problems: NodeProblems
  readonly #interfaces: HostInterfaces
  readonly #bgp: Bgp
  readonly #tables: PodNetworkTables & BgpTables
  readonly #planner: Planner
  readonly #routes: BgpRoutes
  readonly #ports: BridgePorts
  readonly #controller: Controller<PodNetworkKey>
  readonly #readiness: Readiness
  readonly #timers: NamedTimers
  readonly #subscriptions = new DisposableStack()
  /** Nodes whose routes are others than when they were planned last. */
  readonly #rerouted = new Set<PodNetworkKey>()
  #settings: PodNetworkSettings
  /** Clock time, in milliseconds. */
  #startedAt: number | undefined
  /** The Nodes are known, and this node's own among them. */
  #planning = false
  #swept = false

  constructor(options: PodNetworkOptions) {
    const { clock, log, kernel, nodeName } = options
    const settings = () => this.#settings
    this.#options = options
    this.#settings = options.settings
    this.#timers = new NamedTimers(clock)
    const nodeAddressTypes = () => this.#settings.nodeAddressTypes
    this.#nodes = new ClusterNodes(nodeName, nodeAddressTypes)
    this.#problems = new NodeProblems({ log, localName: nodeName, events: options.events })
    this.#bgp = this.#createBgp()
    this.#tables = {
      ...(options.createTables ?? createTables)(kernel, settings, { clock, log }),
      ...this.#bgp.tables,
    }
    this.#interfaces = this.#createInterfaces()
    const interfaces = () => this.#interfaces.state
    this.#planner = new Planner({ ...options, settings, interfaces }, this.#nodes, this.#tables)
    this.#routes = this.#createRoutes()
    this.#ports = this.#createPorts()
    this.#controller = this.#createController()
    this.#readiness = new Readiness({
      ...{ nodeName, nodes: this.#nodes, tables: this.#tables, sessions: this.#bgp.sessions, log },
      nodeAddressTypes,
      routers: () => new Set(this.#settings.externalPeers.map(peerKey)),
      podGate: () => options.podGate(),
    })
  }

  /** Takes over what is in the kernel; nothing is changed before the Nodes are known. @throws KernelError */
  async start(): Promise<void> {
    const { changes, links } = this.#options.kernel
    const { bridge, addresses, routes, instance } = this.#tables
    for (const table of [bridge, addresses, routes, instance]) this.#subscriptions.use(table.watch())
    this.#subscriptions.use(this.#ports.watch(changes, links))
    await this.#interfaces.start()
    await this.#controller.adopt()
    this.#ports.learn(await links.list())
    this.#startedAt = this.#options.clock.now()
    this.#awaitPeers()
    this.#controller.start()
    this.#planAll()
  }

  setNode(node: ClusterNode): void {
    this.#problems.check(this.#nodes.asReached(node), this.#nodes)
    const before = this.#nodes.set(node)
    this.#nodeChanged(node.name, before)
  }

  removeNode(name: string): void {
    const before = this.#nodes.delete(name)
    this.#problems.forget(name)
    this.#nodeChanged(name, before)
  }

  /** Every Node has been told at least once: planning may begin. */
  nodesSynced(): void {
    this.#readiness.nodesSynced = true
    this.#planAll()
    this.lookAgain()
  }

  /** Addresses of the API server, the one in use and others that are known. */
  setApiServers(addresses: readonly string[]): void {
    this.#planner.setApiServers(addresses)
    this.#mark('local')
  }

  /** Something outside changed that readiness depends on. */
  lookAgain(): void {
    this.#controller.schedule()
  }

  conditions(): readonly Condition[] {
    return this.#readiness.conditions()
  }

  get ready(): boolean {
    return this.conditions().every(({ ok, advisory }) => ok || advisory)
  }

  snapshot(): PodNetworkSnapshot {
    return snapshot({
      nodeName: this.#options.nodeName,
      settings: this.#settings,
      nodes: this.#nodes,
      tables: this.#tables,
      bgpRoutes: this.#routes,
      peers: this.peers(),
      rejected: this.#bgp.sessions.rejected(),
      stats: this.stats(),
      conditions: this.conditions(),
    })
  }

  /** Sessions with the names of their nodes. */
  peers(): readonly NamedPeer[] {
    return namedPeers(this.#bgp.peers(), this.#settings, this.#nodes)
  }

  /** Whether what each Node and router needs is in place, since when, and why not. */
  report(): readonly KeyReport[] {
    return reportKeys(this.#keyFacts(), this.#options.clock.now())
  }

  /** Of each table by name. */
  stats(): Readonly<Record<string, TableStats>> {
    return this.#controller.stats()
  }

  /** Changes that are still to be made, table by table. */
  pending(): Iterable<PendingChange> {
    return this.#controller.pending()
  }

  /**
   * Takes changed settings; what differs is planned again. Returns what cannot change while the node has pods, each with its path and
   * what to do.
   */
  configure(settings: PodNetworkSettings): readonly string[] {
    const before = this.#settings
    const { bridge } = before
    this.#settings = { ...settings, bridge }
    this.#ports.planChanged()
    this.#nodes.addressTypesChanged()
    this.#awaitPeers()
    this.#expire()
    for (const { address } of before.externalPeers) this.#mark(`router/${address}`)
    this.#planAll()
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
    await this.#stop()
    const { conflist, announcements, peers, instance, routes, masquerade, rules, formerRules } = this.#tables
    await this.#remove(conflist, announcements)
    await this.#tellWithdrawals()
    await this.#remove(peers, instance, routes, masquerade, rules, formerRules)
  }

  /** Ends sessions and timers; everything in the kernel, and at peers with graceful restart, stays: pods go on while another agent starts. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop()
    await this.#bgp.stop(this.#settings.restartTime !== undefined)
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
    if (!this.#bgp.peers().some(({ state }) => state === 'established')) return
    await new Promise<void>((resolve) => void this.#options.clock.after(TELL_FOR, resolve))
  }

  async #stop(): Promise<void> {
    this.#planning = false
    this.#timers[Symbol.dispose]()
    this.#interfaces[Symbol.dispose]()
    this.#subscriptions.dispose()
    await this.#controller[Symbol.asyncDispose]()
  }

  // What is planned, and when.

  #createController(): Controller<PodNetworkKey> {
    const { clock, log } = this.#options
    return new Controller<PodNetworkKey>({
      ...{ clock, log, first: 'local', interval: INTERVAL, auditPause: AUDIT_PAUSE },
      tables: flushOrder(this.#tables, bgpFlushOrder(this.#bgp.tables)),
      plan: (key) => this.#plan(key),
      planned: (keys) => this.#planned(keys),
      wants: (key) => wantsOf(key, this.#keyFacts()),
      problems: (key) => problemsOf(key, this.#keyFacts()),
      onFlushed: () => this.#advance(),
    })
  }

  get #local(): ClusterNode | undefined {
    return this.#nodes.get(this.#options.nodeName)
  }

  #nodeChanged(name: string, before: ClusterNode | undefined): void {
    const after = this.#nodes.get(name)
    // Heartbeats change nothing here; what the API server reports may still be another reason to wait.
    this.lookAgain()
    if (before && after && sameNetwork(before, after) && before.ready === after.ready) return
    if (!this.#planning || name === this.#options.nodeName) this.#planAll()
    else this.#markNode(name, [before, after])
  }

  #markNode(name: string, versions: readonly (ClusterNode | undefined)[]): void {
    this.#mark(`node/${name}`)
    // Who has the same address is believed about the pods of both.
    for (const node of versions)
      if (node) for (const { other } of this.#nodes.sharedClaims(node)) this.#mark(`node/${other.name}`)
  }

  #mark(key: PodNetworkKey): void {
    if (this.#planning) this.#controller.mark(key)
  }

  #planAll(): void {
    if (this.#startedAt === undefined || !this.#readiness.nodesSynced || !this.#local) return
    if (!this.#planning) this.#retainAdopted()
    this.#planning = true
    this.#controller.markAll(this.#allKeys())
  }

  #allKeys(): PlanKey[] {
    const nodes = Array.from(this.#nodes.values(), ({ name }): PlanKey => `node/${name}`)
    const routers = this.#settings.externalPeers.map(({ address }): PlanKey => `router/${address}`)
    return ['local', ...nodes, ...routers]
  }

  #plan(key: PodNetworkKey): boolean | undefined {
    const local = this.#local
    if (!this.#planning || !local) return false
    if (key === 'conflist') return this.#planConflist(local)
    this.#planner.plan(key, local)
    return this.#rerouted.delete(key) ? true : undefined
  }

  #planned(keys: readonly PodNetworkKey[]): void {
    if (!this.#planning) return
    this.#planner.planned()
    if (keys.includes('local')) this.#routes.setGuard(this.#planner.guard(this.#local), 'all')
    else if (this.#settings.externalPeers.length > 0 && keys.some((key) => key.startsWith('node/')))
      this.#routes.setGuard(this.#planner.guard(this.#local), 'external')
  }

  /** After a flush: what waits for other things to be in place, or for time. */
  #advance(): void {
    this.#readiness.sayWaiting()
    const local = this.#local
    if (!this.#planning || !local) return
    this.#expire()
    if (this.#readiness.mayTakePods && this.#conflistDiffers(local)) this.#controller.mark('conflist')
    this.#sweep(local)
  }

  /** Until then peers are waited for: that they come up, and that they have told all they have. */
  #awaitPeers(): void {
    if (this.#startedAt === undefined) return
    const due = this.#startedAt + this.#settings.peerDeadline * 1000
    this.#timers.after('deadline', Math.max(0, due - this.#options.clock.now()), () => {
      this.#readiness.deadlinePassed = true
      this.lookAgain()
    })
  }

  // The CNI configuration.

  #conflistText(local: ClusterNode): string {
    return planConflist(local, mtuOf(local, this.#settings, this.#interfaces.state), this.#settings)
  }

  #conflistDiffers(local: ClusterNode): boolean {
    const wanted = this.#tables.conflist.desired()
    return wanted.size !== 1 || wanted.get(this.#settings.conflist) !== this.#conflistText(local)
  }

  #planConflist(local: ClusterNode): boolean {
    if (!this.#readiness.mayTakePods || !this.#conflistDiffers(local)) return false
    const path = this.#settings.conflist
    const { conflist } = this.#tables
    this.#options.log.info('the CNI configuration is written', { path })
    conflist.set(path, this.#conflistText(local))
    for (const other of conflist.desired().keys()) if (other !== path) conflist.delete(other)
    return true
  }

  // BGP.

  #createBgp(): Bgp {
    const { createSpeaker, clock, log } = this.#options
    return new Bgp({
      ...{ createSpeaker, clock, log },
      nodeAt: (peer) => this.#nodes.withAddress(peer)?.name,
      keepFor: () => this.#keepFor(),
      onBest: (changes) => this.#onBest(changes),
      onSession: (event) => this.#onSession(event),
      onEnded: () => this.#routes.retainAll(),
    })
  }

  #onBest(changes: readonly BestPathChange[]): void {
    if (!this.#planning) return
    // An outside router whose session is lost, and which has not asked for patience (RFC 4724), cannot be counted on; a node's pods
    // are where they were.
    this.#routes.onBest(changes, (peer) =>
      this.#nodes.withAddress(peer) === undefined ? undefined : this.#bgp.lostAt(peer),
    )
    for (const { prefix } of changes) this.#reroute(prefix)
    this.#expire()
  }

  #reroute(prefix: string): void {
    const node = this.#nodes.withPodCidr(prefix)
    if (!node) return
    this.#rerouted.add(`node/${node.name}`)
    this.#mark(`node/${node.name}`)
  }

  #onSession(event: PeerEvent): void {
    const { peer } = event
    if (event.kind === 'end-of-rib' && this.#bgp.sessions.hasEndOfRib(peer)) {
      const node = this.#nodes.withAddress(peer)
      this.#routes.endOfRib(new Set(node ? node.addresses.map(({ text }) => text) : [peer]))
    }
    if (event.kind !== 'state') this.lookAgain()
  }

  // Learned routes.

  #createRoutes(): BgpRoutes {
    const { clock, log } = this.#options
    const claims: RouteClaims = new Claims(this.#tables.routes)
    return new BgpRoutes({
      ...{ claims, log, now: () => clock.now(), keepFor: () => this.#keepFor() },
      guard: this.#planner.guard(undefined),
    })
  }

  #keepFor(): number {
    return this.#settings.keepRoutes * 1000
  }

  /** Routes to pods that were here before us stay until their node has had the time to announce them again. */
  #retainAdopted(): void {
    for (const node of this.#nodes.values()) {
      for (const prefix of node.podCidrs) {
        const route = this.#tables.routes.acknowledged(prefix.text)
        if (route && node.addresses.some(({ text }) => text === route.gateway))
          this.#routes.retainAdopted(route)
      }
    }
  }

  #expire(): void {
    const next = this.#routes.expire((prefix) => {
      const node = this.#nodes.withPodCidr(prefix)
      return node !== undefined && node.name !== this.#options.nodeName
    })
    if (next === undefined) return
    this.#timers.after('expire', Math.max(0, next - this.#options.clock.now()), () => this.#expire())
  }

  /** What nobody wants any more goes once everybody has spoken, or had the time to. */
  #sweep(local: ClusterNode): void {
    if (this.#swept || !this.#readiness.allHeard) return
    // Without its fields nothing is wanted yet of what its pods need.
    if (local.podCidrs.length === 0 || local.addresses.length === 0) return
    this.#swept = true
    this.#readiness.deadlinePassed = true
    const { addresses, masquerade, routes, formerRules } = this.#tables
    const swept = addresses.sweep() + masquerade.sweep() + routes.sweep() + formerRules.sweep()
    if (swept > 0) this.#options.log.info('left-overs of an earlier run are removed', { count: swept })
  }

  // The bridge and the host's interfaces.

  #createInterfaces(): HostInterfaces {
    const { kernel, clock, log, settings } = this.#options
    return new HostInterfaces({
      ...{ ...kernel, clock, log, bridge: settings.bridge },
      isOurs: (address) => this.#tables.addresses.get(address) !== undefined,
      changed: () => {
        this.#mark('local')
        // IPv4 routes that went with an interface are not announced.
        const audits = [this.#tables.routes.audit(), this.#tables.addresses.audit()]
        Promise.all(audits).catch((error: Error) => log.warn('audit failed', { error: error.message }))
      },
    })
  }

  #createPorts(): BridgePorts {
    const { bridge } = this.#options.settings
    return new BridgePorts({
      ...{ table: this.#tables.ports, bridge, plan: () => ({ hairpin: this.#settings.hairpin }) },
      // The kernel's switches of a bridge go with it.
      bridgeMade: () => {
        const { sysctls } = this.#tables
        for (const name of sysctls.desired().keys()) if (name.includes(`/${bridge}/`)) sysctls.touch(name)
      },
      later: (action) => {
        if (!this.#timers.has('ports')) this.#timers.after('ports', PUT_BACK_AFTER, action)
      },
    })
  }

  #keyFacts(): KeyFacts {
    return {
      ...{ nodeName: this.#options.nodeName, settings: this.#settings, nodes: this.#nodes },
      ...{ tables: this.#tables, planner: this.#planner, sessions: this.#bgp.sessions },
      bgpRoutes: this.#routes,
      status: (key) => this.#controller.status(key),
    }
  }
}
