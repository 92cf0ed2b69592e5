/** The pod network of this node: Nodes in, kernel and BGP out. */
import type { Cidr } from '@podroute/address/cidr.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { isSame } from '@podroute/cluster/objects/same.ts'
import type { Service, ServiceKey } from '@podroute/cluster/objects/service.ts'
import type { Condition } from '@podroute/feature/condition.ts'
import { Controller } from '@podroute/reconcile/controller.ts'
import type { PendingChange } from '@podroute/reconcile/flush-order.ts'
import type { TableStats } from '@podroute/reconcile/table.ts'
import type { PeerEvent } from 'bgp-speaker-ts/snapshot.ts'
import { Bgp } from './bgp/bgp.ts'
import { DownRouters } from './bgp/ends/down-routers.ts'
import { peerKey } from './bgp/peer-key.ts'
import { MeshRoles } from './bgp/roles/mesh-roles.ts'
import { type BgpTables, bgpFlushOrder } from './bgp/tables.ts'
import { ConflistWriter } from './bridge/conflist-writer.ts'
import { HostMonitor } from './bridge/host-monitor.ts'
import { cleanUp } from './cleanup.ts'
import { sayDropped } from './forwarding/events.ts'
import { Forwarding } from './forwarding/forwarding.ts'
import type { PlanKey, PodNetworkKey } from './keys.ts'
import { NodeAnnotations } from './node-annotations/node-annotations.ts'
import { withPeers } from './node-annotations/node-settings.ts'
import { PodCidrOverrides } from './node-annotations/pod-cidr-overrides.ts'
import { ClusterNodes } from './nodes/cluster-nodes.ts'
import { nodeDrain } from './nodes/node-drain.ts'
import { NodeProblems } from './nodes/node-problems.ts'
import type { PodNetworkOptions } from './options.ts'
import { Planner, type PlannerOptions } from './planner.ts'
import { Readiness } from './readiness/readiness.ts'
import { RouteSources } from './route-sources/route-sources.ts'
import { Routers } from './routers/routers.ts'
import { wrongAnnotation } from './service-addresses/events.ts'
import type { PodNetworkSettings } from './settings.ts'
import { StaleState } from './stale-state.ts'
import { problemsOf, wantsOf } from './status.ts'
import { createTables, flushOrder, type PodNetworkTables } from './tables.ts'
import { NamedTimers } from './timers.ts'
import { PodNetworkView } from './view.ts'

/** Least time between two flushes, in milliseconds: a change alone waits for nothing, many share a flush. */
const INTERVAL = 20
const AUDIT_PAUSE = 60_000
/** Milliseconds in which routers see that a connection has ended. */
const CONNECTIONS_END = 250

export class PodNetwork implements AsyncDisposable {
  /** What it shows of itself. */
  readonly view: PodNetworkView
  readonly #options: PodNetworkOptions
  readonly #nodes: ClusterNodes
  readonly #problems: NodeProblems
  readonly #hostMonitor: HostMonitor
  readonly #forwarding: Forwarding
  readonly #bgp: Bgp
  readonly #tables: PodNetworkTables & BgpTables
  readonly #roles: MeshRoles
  readonly #planner: Planner
  readonly #routes: RouteSources
  readonly #conflist: ConflistWriter
  readonly #staleState: StaleState
  readonly #routers: Routers
  readonly #downRouters: DownRouters
  readonly #controller: Controller<PodNetworkKey>
  readonly #readiness: Readiness
  readonly #timers: NamedTimers
  /** Nodes whose routes are others than when they were planned last. */
  readonly #rerouted = new Set<PodNetworkKey>()
  readonly #annotations: NodeAnnotations
  readonly #podCidrs: PodCidrOverrides
  /** As the configuration says. */
  #configured: PodNetworkSettings
  /** Of this node: with what its annotations say. */
  #settings: PodNetworkSettings
  /** Clock time, in milliseconds. */
  #startedAt: number | undefined
  /** Every Node has been told, by the API server or as the last agent knew it. */
  #knowsNodes = false
  /** The Nodes are known, and this node's own among them. */
  #planning = false
  /** All that there was at first has been planned: what nobody wants then is wanted by nobody. */
  #planned = false
  /** Nobody waits any longer for what is to be there at first. */
  #late = false

  constructor(options: PodNetworkOptions) {
    const { clock, log, kernel, nodeName } = options
    const settings = () => this.#settings
    this.#options = options
    this.#configured = options.settings
    this.#routers = new Routers(options)
    this.#settings = this.#withRouters(undefined)
    this.#timers = new NamedTimers(clock)
    const nodeAddressTypes = () => this.#settings.nodeAddressTypes
    this.#nodes = new ClusterNodes(nodeName, nodeAddressTypes)
    this.#problems = new NodeProblems({ log, localName: nodeName, events: options.events })
    this.#bgp = this.#createBgp()
    this.#bgp.collectors.configure(options.settings.bmpCollectors)
    this.#tables = {
      ...(options.createTables ?? createTables)(kernel, settings, { clock, log }),
      ...this.#bgp.tables,
    }
    this.#hostMonitor = new HostMonitor({
      ...{ kernel, tables: this.#tables, clock, log, bridge: options.settings.bridge },
      hairpin: () => this.#settings.hairpin,
      changed: () => this.#interfacesChanged(),
    })
    this.#podCidrs = new PodCidrOverrides({
      clusterCidrs: () => this.#settings.clusterCidrs,
      refused: (node, problems) => this.#annotations.podCidrsRefused(node, problems),
      store: options.keptPodCidrs,
    })
    this.#annotations = new NodeAnnotations({
      ...{ nodeName, log, events: options.events, store: options.keptAnnotations },
      hasAddress: (address) => this.#hostMonitor.interfaces.addresses.includes(address),
    })
    this.#forwarding = new Forwarding({
      ...{ kernel, table: this.#tables.forwarding, clock, log, settings },
      say: (problem) => sayDropped(options, problem),
      changed: () => this.recheck(),
    })
    const interfaces = () => this.#hostMonitor.interfaces
    const refused: PlannerOptions['refused'] = (node, addresses) =>
      this.#problems.addressesRefused(node, addresses, this.#nodes)
    const overrides = () => this.#annotations.settings
    const routes: PlannerOptions['routes'] = (name, node) =>
      this.#routes.planNode(name, node, this.#settings.routing)
    this.#roles = this.#createRoles()
    const origin: PlannerOptions['origin'] = (name, node) => this.#bgp.setOrigin(name, node)
    const planning = {
      ...{
        ...options,
        settings,
        overrides,
        interfaces,
        refused,
        routes,
        origin,
        roles: this.#roles,
        timers: this.#timers,
      },
      mark: (key: PlanKey) => this.#mark(key),
      wrong: (service: Service, detail: string) => options.events.record(wrongAnnotation(service, detail)),
    }
    this.#planner = new Planner(planning, this.#nodes, this.#tables)
    this.#routes = this.#createRoutes()
    this.#conflist = new ConflistWriter({
      ...{ table: this.#tables.conflist, log, settings, interfaces },
      pluginFields: () => options.pluginFields(),
    })
    this.#staleState = new StaleState({
      ...{ tables: this.#tables, nodes: this.#nodes, bgpRoutes: this.#routes.bgp.routes, log },
    })
    this.#controller = this.#createController()
    this.view = this.#createView()
    this.#downRouters = new DownRouters({
      ...{ nodeName, events: options.events, clock },
      routers: () => this.#settings.externalPeers.map(peerKey),
      isEstablished: (router) => this.#bgp.sessions.isEstablished(router),
      peers: () => this.#bgp.peers(),
    })
    this.#readiness = new Readiness({
      ...{ nodeName, nodes: this.#nodes, tables: this.#tables, sessions: this.#bgp.sessions, log },
      nodeAddressTypes,
      routing: () => this.#settings.routing,
      routers: () => new Set(this.#settings.externalPeers.map(peerKey)),
      podGate: () => options.podGate(),
    })
  }

  /** Takes over what is in the kernel; nothing is changed before the Nodes are known. @throws KernelError */
  async start(): Promise<void> {
    await this.#hostMonitor.start()
    await this.#controller.adopt()
    await this.#hostMonitor.updatePorts()
    this.#routes.nextHops.start()
    this.#startedAt = this.#options.clock.now()
    await this.#forwarding.start()
    this.#awaitPeers()
    this.#controller.start()
    this.#planAll()
  }

  setNode(told: ClusterNode): void {
    for (const node of this.#podCidrs.set(told)) this.#setNode(node)
  }

  #setNode(node: ClusterNode): void {
    this.#problems.check(this.#nodes.asReached(node), this.#nodes)
    const before = this.#nodes.set(node)
    if (node.name === this.#options.nodeName && this.#annotations.update(node.annotations)) this.#use()
    this.#nodeChanged(node.name, before)
  }

  removeNode(name: string): void {
    for (const node of this.#podCidrs.delete(name)) this.#setNode(node)
    const before = this.#nodes.delete(name)
    this.#problems.forget(name)
    this.#nodeChanged(name, before)
  }

  /** Every Node has been told at least once: planning may begin. */
  nodesSynced(): void {
    // Of Nodes that the last agent had not written down.
    if (this.#knowsNodes && !this.#readiness.nodesSynced && this.#settings.routing === 'bgp')
      this.#staleState.retainRoutes()
    this.#readiness.nodesSynced = true
    this.nodesAsLastKnown()
  }

  /** The Nodes are what the last agent knew: planning may begin, and nothing that nobody wants goes before all is known. */
  nodesAsLastKnown(): void {
    this.#knowsNodes = true
    this.#planAll()
    this.recheck()
  }

  /** Addresses of the API server, the one in use and others that are known. */
  setApiServers(addresses: readonly string[]): void {
    this.#planner.setApiServers(addresses)
    this.#mark('local')
  }

  /** Ranges of Services that the API names: no router is believed about them, and no Node. */
  setServiceRanges(ranges: readonly Cidr[]): void {
    this.#planner.setServiceRanges(ranges)
    this.#planAll()
  }

  /** Somebody needs these addresses now, or no longer, which `holderOf` says already: Nodes that claim one are judged again. */
  reservedChanged(addresses: readonly string[]): void {
    for (const address of addresses)
      for (const { name } of this.#nodes.claimantsOfAddress(address)) this.#mark(`node/${name}`)
  }

  /** Other things may be true of these Services. */
  servicesChanged(services: Iterable<ServiceKey>): void {
    for (const key of services) this.#mark(`service/${key}`)
  }

  /** Other things may be served of these Services: nearly always none of their addresses is to be announced. */
  servedChanged(services: Iterable<ServiceKey>): void {
    for (const key of services)
      if (this.#planner.serviceAddresses.isSwitchedOn(key)) this.#mark(`service/${key}`)
  }

  /** Other things may be true of all Services: others serve them, or they work no more. */
  allServicesChanged(): void {
    this.#mark('local')
    this.#planner.serviceAddresses.markAll()
  }

  /** Something outside changed that readiness depends on. */
  recheck(): void {
    this.#controller.schedule()
  }

  conditions(): readonly Condition[] {
    return [
      ...this.#readiness.conditions(),
      this.#forwarding.condition(),
      this.#annotations.condition(),
      this.#routers.condition(),
    ]
  }

  /** Why this node is to be left; undefined: it is not. */
  get drain(): string | undefined {
    const local = this.#nodes.reported(this.#options.nodeName)
    if (local) return nodeDrain(local, this.#settings.drain)
    return this.#planning ? 'the Node is gone' : undefined
  }

  get ready(): boolean {
    return this.conditions().every(({ ok, advisory }) => ok || advisory)
  }

  /** Pods that may send from any address: they run since before the check, or want to. */
  get uncheckedPorts(): number {
    return this.#hostMonitor.uncheckedPorts
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
    const { bridge, routing } = this.#settings
    this.#configured = { ...settings, bridge }
    this.#use()
    for (const node of this.#podCidrs.rangesChanged()) this.#setNode(node)
    this.#hostMonitor.portsChanged()
    void this.#forwarding.look()
    this.#nodes.addressTypesChanged()
    this.#roles.settingsChanged()
    this.#bgp.collectors.configure(settings.bmpCollectors)
    this.#awaitPeers()
    if (settings.routing !== routing) this.#routes.routingChanged(settings.routing)
    this.#routes.bgp.expire()
    if (settings.bridge === bridge) return []
    return [
      `podNetwork.bridge: pods hang on ${bridge}: drain the node, delete that bridge and restart the agent to use ${settings.bridge}`,
    ]
  }

  /** Puts into effect what the configuration and the annotations say together: what differs is planned again. */
  #use(): void {
    const before = this.#settings
    const { peers } = this.#annotations.settings
    this.#settings = withPeers(this.#withRouters(this.#local), peers)
    // No Service may take the address of any router, whoever peers with it.
    this.#options.settingsChanged?.(withPeers(this.#configured, peers))
    this.#markRouters(before)
    this.#planAll()
  }

  /** An address that an annotation names may be there now. */
  #interfacesChanged(): void {
    this.#routes.nextHops.lookAgain()
    if (this.#annotations.recheck()) this.#use()
    else {
      this.#mark('local')
      this.#markRouters(this.#settings)
    }
  }

  #withRouters(local: ClusterNode | undefined): PodNetworkSettings {
    return {
      ...this.#configured,
      externalPeers: this.#routers.select(this.#configured.externalPeers, local),
    }
  }

  #markRouters({ externalPeers }: PodNetworkSettings): void {
    for (const router of externalPeers) this.#mark(`router/${peerKey(router)}`)
  }

  /** Takes away what makes this node part of the pod network. May be called again after it failed. @throws PodNetworkError (left-behind) */
  async cleanup(): Promise<void> {
    await this.#stop()
    const hasSessions = this.#bgp.peers().some(({ state }) => state === 'established')
    await cleanUp({ tables: this.#tables, hasSessions, clock: this.#options.clock })
  }

  /**
   * Ends sessions and timers; everything in the kernel, and at peers with graceful restart, stays: pods go on while another agent starts.
   * On a node that is to be left peers forget it.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const drain = this.drain
    await this.#stop()
    const { bfd, clock, log } = this.#options
    if (drain !== undefined) log.info('peers are told to forget this node', { reason: drain })
    const how = this.#settings.restartTime === undefined ? 'forgotten' : 'kept'
    await this.#bgp.stop(drain === undefined ? how : 'left')
    // FRR takes the end of BFD for a failed path, and drops the routes, for as long as it has not seen the end of the connection.
    if (bfd.watches) await new Promise<void>((resolve) => void clock.after(CONNECTIONS_END, resolve))
    await bfd[Symbol.asyncDispose]()
  }

  async #stop(): Promise<void> {
    this.#planning = false
    this.#timers[Symbol.dispose]()
    this.#roles[Symbol.dispose]()
    this.#hostMonitor[Symbol.dispose]()
    this.#forwarding[Symbol.dispose]()
    this.#routes[Symbol.dispose]()
    await this.#controller[Symbol.asyncDispose]()
  }

  #createView(): PodNetworkView {
    const { nodeName, clock, bfd } = this.#options
    return new PodNetworkView({
      ...{ nodeName, clock, bfd, nodes: this.#nodes, tables: this.#tables, bgp: this.#bgp },
      ...{ roles: this.#roles, planner: this.#planner, routes: this.#routes },
      settings: () => this.#settings,
      status: (key) => this.#controller.status(key),
      stats: () => this.stats(),
      conditions: () => this.conditions(),
    })
  }

  // What is planned, and when.

  #createController(): Controller<PodNetworkKey> {
    const { clock, log } = this.#options
    return new Controller<PodNetworkKey>({
      ...{ clock, log, first: 'local', interval: INTERVAL, auditPause: AUDIT_PAUSE },
      tables: flushOrder(this.#tables, bgpFlushOrder(this.#bgp.tables)),
      plan: (key) => this.#plan(key),
      planned: (keys) => this.#afterPlan(keys),
      wants: (key) => wantsOf(key, this.view.keyFacts()),
      problems: (key) => problemsOf(key, this.view.keyFacts()),
      onFlushed: () => this.#advance(),
    })
  }

  get #local(): ClusterNode | undefined {
    return this.#nodes.get(this.#options.nodeName)
  }

  #nodeChanged(name: string, before: ClusterNode | undefined): void {
    const after = this.#nodes.get(name)
    this.#roles.nodeChanged(name, after)
    // Heartbeats change nothing here; what the API server reports may still be another reason to wait.
    this.recheck()
    if (before && after && isSame(before, after)) return
    if (name === this.#options.nodeName) this.#use()
    else if (!this.#planning) this.#planAll()
    else this.#markNode(name, [before, after])
    const peer = after?.ready ? this.#planner.peerOf(`node/${name}`) : undefined
    if (peer !== undefined) this.#bgp.retry(peer)
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
    if (this.#startedAt === undefined || !this.#knowsNodes || !this.#local) return
    if (!this.#planning && this.#settings.routing === 'bgp') this.#staleState.retainRoutes()
    this.#planning = true
    this.#controller.markAll(this.#allKeys())
  }

  #allKeys(): PlanKey[] {
    const nodes = Array.from(this.#nodes.values(), ({ name }): PlanKey => `node/${name}`)
    const routers = this.#settings.externalPeers.map((router): PlanKey => `router/${peerKey(router)}`)
    return ['local', ...nodes, ...routers]
  }

  #plan(key: PodNetworkKey): boolean | undefined {
    const local = this.#local
    if (!this.#planning || !local) return false
    if (key !== 'conflist') this.#planner.plan(key, local)
    else if (this.#conflistIsDue(local)) this.#conflist.plan(local)
    return this.#rerouted.delete(key) ? true : undefined
  }

  #afterPlan(keys: readonly PodNetworkKey[]): void {
    if (!this.#planning) return
    this.#bgp.judge()
    if (keys.includes('local')) this.#routes.setGuard(this.#planner.guard(this.#local), 'all')
    else if (this.#settings.externalPeers.length > 0 && keys.some((key) => key.startsWith('node/')))
      this.#routes.setGuard(this.#planner.guard(this.#local), 'external')
  }

  #lookAtRouters(): void {
    const next = this.#planning ? this.#downRouters.look() : undefined
    if (next !== undefined) this.#timers.after('down-routers', next, () => this.#lookAtRouters())
  }

  /** After a flush: what waits for other things to be in place, or for time. */
  #advance(): void {
    this.#readiness.logWaiting()
    this.#lookAtRouters()
    const local = this.#local
    if (!this.#planning || !local) return
    this.#roles.tend()
    this.#routes.bgp.expire()
    this.#planned ||= !this.#controller.hasDirtyKeys
    this.#tellComplete()
    if (!this.#planned) return
    if (this.#conflistIsDue(local)) this.#controller.mark('conflist')
    if (!this.#readiness.nodesSynced) return
    if (this.#readiness.endOfRibComplete && this.#routes.nextHops.settled) this.#staleState.sweep(local)
    if (this.#staleState.swept) this.#readiness.deadlinePassed = true
  }

  /** Routers hear that they have been told all: not for being late while the API server has told no Services. */
  #tellComplete(): void {
    const idle = !this.#controller.hasDirtyKeys
    const late = this.#late && this.#readiness.nodesSynced
    if (!this.#planner.serviceAddresses.settle({ idle, late })) return
    this.#markRouters(this.#settings)
  }

  /** Until then peers are waited for: that they come up, and that they have told all they have. */
  #awaitPeers(): void {
    if (this.#startedAt === undefined) return
    const due = this.#startedAt + this.#settings.peerDeadline * 1000
    this.#timers.after('deadline', Math.max(0, due - this.#options.clock.now()), () => {
      this.#readiness.deadlinePassed = true
      this.#late = true
      this.recheck()
    })
  }

  #conflistIsDue(local: ClusterNode): boolean {
    return this.#readiness.mayTakePods && this.#conflist.differs(local)
  }

  // BGP.

  #createBgp(): Bgp {
    const { nodeName, createSpeaker, clock, log } = this.#options
    return new Bgp({
      ...{ nodeName, createSpeaker, clock, log },
      nodeAt: (peer) => this.#nodes.withAddress(peer)?.name,
      keepFor: () => this.#keepFor(),
      onBest: (changes) => {
        if (this.#planning) this.#routes.bgp.onBest(changes)
      },
      onSession: (event) => this.#onSession(event),
      onEnded: () => this.#routes.bgp.routes.retainAll(),
    })
  }

  #onSession(event: PeerEvent): void {
    const { kind, peer } = event
    if (kind === 'end-of-rib' && this.#bgp.sessions.hasEndOfRib(peer)) this.#routes.bgp.endOfRib(peer)
    if (kind === 'down') this.#surplusDown(peer)
    if (kind !== 'state') this.recheck()
  }

  /** What was kept only for as long as it lasts is over. */
  #surplusDown(peer: string): void {
    for (const { name } of this.#nodes.claimantsOfAddress(peer))
      if (this.#roles.isSurplus(name)) this.#mark(`node/${name}`)
  }

  #createRoles(): MeshRoles {
    const { nodeName, clock, log, events } = this.#options
    const peerOf = (node: string) => this.#planner.peerOf(`node/${node}`) ?? ''
    return new MeshRoles({
      ...{ localName: nodeName, clock, log, events, nodes: this.#nodes },
      settings: () => this.#settings,
      isEstablished: (node) => this.#bgp.sessions.isEstablished(peerOf(node)),
      hasEndOfRib: (node) => this.#bgp.sessions.hasEndOfRib(peerOf(node)),
      changed: () => this.#planAll(),
      released: (names) => {
        for (const name of names) this.#mark(`node/${name}`)
      },
    })
  }

  #createRoutes(): RouteSources {
    const { clock, log, nodeName, kernel } = this.#options
    return new RouteSources({
      ...{ clock, log, kernel, localName: nodeName, nodes: this.#nodes, timers: this.#timers },
      table: this.#tables.routes,
      interfaces: () => this.#hostMonitor.interfaces,
      maxPaths: () => this.#settings.maxPaths,
      changed: () => this.recheck(),
      guard: this.#planner.guard(undefined),
      keepFor: () => this.#keepFor(),
      lostAt: (peer) => this.#bgp.lostAt(peer),
      rerouted: (node) => {
        this.#rerouted.add(`node/${node}`)
        this.#mark(`node/${node}`)
      },
    })
  }

  /** What nobody routes here any more is not kept. */
  #keepFor(): number {
    return this.#settings.routing === 'none' ? 0 : this.#settings.keepRoutes * 1000
  }
}
