/** The pod network of this node: Nodes in, kernel and BGP out. */
import type { Cidr } from '@podroute/address/cidr.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { isSame } from '@podroute/cluster/objects/same.ts'
import type { ServiceKey } from '@podroute/cluster/objects/service.ts'
import type { Condition } from '@podroute/feature/condition.ts'
import type { PendingChange } from '@podroute/reconcile/flush-order.ts'
import type { TableStats } from '@podroute/reconcile/table.ts'
import type { PeerEvent } from 'bgp-speaker-ts/snapshot.ts'
import { peerKey } from './bgp/peer-key.ts'
import { cleanUp } from './cleanup.ts'
import type { PlanKey, PodNetworkKey } from './keys.ts'
import { nodeDrain } from './nodes/node-drain.ts'
import type { PodNetworkOptions } from './options.ts'
import { type PartsOwner, PodNetworkParts } from './parts.ts'
import type { PodNetworkSettings } from './settings.ts'
import type { PodNetworkView } from './view.ts'

/** Milliseconds in which routers see that a connection has ended. */
const CONNECTIONS_END = 250

export class PodNetwork implements AsyncDisposable {
  /** What it shows of itself. */
  readonly view: PodNetworkView
  readonly #options: PodNetworkOptions
  readonly #parts: PodNetworkParts
  /** Nodes whose routes are others than when they were planned last. */
  readonly #rerouted = new Set<PodNetworkKey>()
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
    this.#options = options
    this.#parts = new PodNetworkParts(options, this.#asOwner())
    this.view = this.#parts.view
  }

  /** Takes over what is in the kernel; nothing is changed before the Nodes are known. @throws KernelError */
  async start(): Promise<void> {
    await this.#parts.hostMonitor.start()
    await this.#parts.controller.adopt()
    await this.#parts.hostMonitor.updatePorts()
    this.#parts.routes.nextHops.start()
    this.#startedAt = this.#options.clock.now()
    await this.#parts.forwarding.start()
    await this.#parts.plugins.start()
    this.#awaitPeers()
    this.#parts.controller.start()
    this.#planAll()
  }

  setNode(told: ClusterNode): void {
    for (const node of this.#parts.podCidrs.set(told)) this.#setNode(node)
  }

  #setNode(node: ClusterNode): void {
    this.#parts.problems.check(this.#parts.nodes.asReached(node), this.#parts.nodes)
    const before = this.#parts.nodes.set(node)
    if (node.name === this.#options.nodeName && this.#parts.annotations.update(node.annotations)) this.#use()
    this.#nodeChanged(node.name, before)
  }

  removeNode(name: string): void {
    for (const node of this.#parts.podCidrs.delete(name)) this.#setNode(node)
    const before = this.#parts.nodes.delete(name)
    this.#parts.problems.forget(name)
    this.#nodeChanged(name, before)
  }

  /** Every Node has been told at least once: planning may begin. */
  nodesSynced(): void {
    // Of Nodes that the last agent had not written down.
    if (this.#knowsNodes && !this.#parts.readiness.nodesSynced && this.#parts.settings.routing === 'bgp')
      this.#parts.staleState.retainRoutes()
    this.#parts.readiness.nodesSynced = true
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
    this.#parts.planner.setApiServers(addresses)
    this.#mark('local')
  }

  /** Ranges of Services that the API names: no router is believed about them, and no Node. */
  setServiceRanges(ranges: readonly Cidr[]): void {
    this.#parts.planner.setServiceRanges(ranges)
    this.#planAll()
  }

  /** Somebody needs these addresses now, or no longer, which `holderOf` says already: Nodes that claim one are judged again. */
  reservedChanged(addresses: readonly string[]): void {
    for (const address of addresses)
      for (const { name } of this.#parts.nodes.claimantsOfAddress(address)) this.#mark(`node/${name}`)
  }

  /** Other things may be true of these Services. */
  servicesChanged(services: Iterable<ServiceKey>): void {
    for (const key of services) this.#mark(`service/${key}`)
  }

  /** Other things may be served of these Services: nearly always none of their addresses is to be announced. */
  servedChanged(services: Iterable<ServiceKey>): void {
    for (const key of services)
      if (this.#parts.planner.serviceAddresses.isSwitchedOn(key)) this.#mark(`service/${key}`)
  }

  /** Other things may be true of all Services: others serve them, or they work no more. */
  allServicesChanged(): void {
    this.#mark('local')
    this.#parts.planner.serviceAddresses.markAll()
  }

  /** Something outside changed that readiness depends on. */
  recheck(): void {
    this.#parts.controller.schedule()
  }

  conditions(): readonly Condition[] {
    return [
      ...this.#parts.readiness.conditions(),
      this.#parts.forwarding.condition(),
      this.#parts.plugins.condition(),
      this.#parts.annotations.condition(),
      this.#parts.routers.condition(),
    ]
  }

  /** What pods need of the network itself. */
  get networkConditions(): readonly Condition[] {
    return this.#parts.readiness.conditions()
  }

  /** Why this node is to be left; undefined: it is not. */
  get drain(): string | undefined {
    const local = this.#parts.nodes.reported(this.#options.nodeName)
    if (local) return nodeDrain(local, this.#parts.settings.drain)
    return this.#planning ? 'the Node is gone' : undefined
  }

  /** Names of nodes that are left, which connections are handed on to that this one does not know. */
  get handsOnTo(): readonly string[] {
    return this.#parts.planner.handover.to
  }

  get ready(): boolean {
    return this.conditions().every(({ ok, advisory }) => ok || advisory)
  }

  /** Pods that may send from any address: they run since before the check, or want to. */
  get uncheckedPorts(): number {
    return this.#parts.hostMonitor.uncheckedPorts
  }

  /** Of each table by name. */
  stats(): Readonly<Record<string, TableStats>> {
    return this.#parts.controller.stats()
  }

  /** Changes that are still to be made, table by table. */
  pending(): Iterable<PendingChange> {
    return this.#parts.controller.pending()
  }

  /**
   * Takes changed settings; what differs is planned again. Returns what cannot change while the node has pods, each with its path and
   * what to do.
   */
  configure(settings: PodNetworkSettings): readonly string[] {
    const { bridge, cni, routing } = this.#parts.settings
    this.#parts.effective.configure(settings)
    this.#use()
    for (const node of this.#parts.podCidrs.rangesChanged()) this.#setNode(node)
    this.#parts.hostMonitor.portsChanged()
    void this.#parts.forwarding.look()
    this.#parts.nodes.addressTypesChanged()
    this.#parts.roles.settingsChanged()
    this.#parts.bgp.collectors.configure(settings.bmpCollectors)
    this.#awaitPeers()
    if (settings.routing !== routing) this.#parts.routes.routingChanged(settings.routing)
    this.#parts.routes.bgp.expire()
    return [
      ...(settings.bridge === bridge
        ? []
        : [
            `podNetwork.bridge: pods hang on ${bridge}: drain the node, delete that bridge and restart the agent to use ${settings.bridge}`,
          ]),
      ...(settings.cni === cni
        ? []
        : [
            'podNetwork.cni: pods keep what they were started with: drain the node, and restart the agent there',
          ]),
    ]
  }

  /** Puts into effect what the configuration and the annotations say together: what differs is planned again. */
  #use(): void {
    const before = this.#parts.settings
    const { peers } = this.#parts.annotations.settings
    const ofAllNodes = this.#parts.effective.merge(this.#local, peers)
    // No Service may take the address of any router, whoever peers with it.
    this.#options.settingsChanged?.(ofAllNodes)
    this.#markRouters(before)
    this.#planAll()
  }

  /** An address that an annotation names may be there now. */
  #interfacesChanged(): void {
    this.#parts.routes.nextHops.lookAgain()
    if (this.#parts.annotations.recheck()) this.#use()
    else {
      this.#mark('local')
      this.#markRouters(this.#parts.settings)
    }
  }

  #markRouters({ externalPeers }: PodNetworkSettings): void {
    for (const router of externalPeers) this.#mark(`router/${peerKey(router)}`)
  }

  /** Takes away what makes this node part of the pod network. May be called again after it failed. @throws PodNetworkError (left-behind) */
  async cleanup(): Promise<void> {
    await this.#stop()
    const hasSessions = this.#parts.bgp.peers().some(({ state }) => state === 'established')
    await cleanUp({ tables: this.#parts.tables, hasSessions, clock: this.#options.clock })
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
    const how = this.#parts.settings.restartTime === undefined ? 'forgotten' : 'kept'
    await this.#parts.bgp.stop(drain === undefined ? how : 'left')
    // FRR takes the end of BFD for a failed path, and drops the routes, for as long as it has not seen the end of the connection.
    if (bfd.watches) await new Promise<void>((resolve) => void clock.after(CONNECTIONS_END, resolve))
    await bfd[Symbol.asyncDispose]()
  }

  async #stop(): Promise<void> {
    this.#planning = false
    this.#parts.timers[Symbol.dispose]()
    this.#parts.roles[Symbol.dispose]()
    this.#parts.hostMonitor[Symbol.dispose]()
    this.#parts.forwarding[Symbol.dispose]()
    this.#parts.plugins[Symbol.dispose]()
    this.#parts.routes[Symbol.dispose]()
    await this.#parts.controller[Symbol.asyncDispose]()
  }

  #asOwner(): PartsOwner {
    const isPlanning = () => this.#planning
    return {
      get isPlanning() {
        return isPlanning()
      },
      conditions: () => this.conditions(),
      mark: (key) => this.#mark(key),
      planAll: () => this.#planAll(),
      recheck: () => this.recheck(),
      interfacesChanged: () => this.#interfacesChanged(),
      sessionChanged: (event) => this.#onSession(event),
      rerouted: (node) => {
        this.#rerouted.add(`node/${node}`)
        this.#mark(`node/${node}`)
      },
      plan: (key) => this.#plan(key),
      planned: (keys) => this.#afterPlan(keys),
      flushed: () => {
        this.#advance()
        this.#options.flushed?.()
      },
    }
  }

  // What is planned, and when.

  get #local(): ClusterNode | undefined {
    return this.#parts.nodes.get(this.#options.nodeName)
  }

  #nodeChanged(name: string, before: ClusterNode | undefined): void {
    const after = this.#parts.nodes.get(name)
    this.#options.podPrefixes.replace(name, after?.podCidrs)
    this.#parts.roles.nodeChanged(name, after)
    // Heartbeats change nothing here; what the API server reports may still be another reason to wait.
    this.recheck()
    if (before && after && isSame(before, after)) return
    if (name === this.#options.nodeName) this.#use()
    else if (!this.#planning) this.#planAll()
    else this.#markNode(name, [before, after])
    const peer = after?.ready ? this.#parts.planner.peerOf(`node/${name}`) : undefined
    if (peer !== undefined) this.#parts.bgp.retry(peer)
  }

  #markNode(name: string, versions: readonly (ClusterNode | undefined)[]): void {
    this.#mark(`node/${name}`)
    // Who has the same address is believed about the pods of both.
    for (const node of versions)
      if (node) for (const { other } of this.#parts.nodes.sharedClaims(node)) this.#mark(`node/${other.name}`)
  }

  #mark(key: PodNetworkKey): void {
    if (this.#planning) this.#parts.controller.mark(key)
  }

  #planAll(): void {
    if (this.#startedAt === undefined || !this.#knowsNodes || !this.#local) return
    if (!this.#planning && this.#parts.settings.routing === 'bgp') this.#parts.staleState.retainRoutes()
    this.#planning = true
    this.#parts.controller.markAll(this.#allKeys())
  }

  #allKeys(): PlanKey[] {
    const nodes = Array.from(this.#parts.nodes.values(), ({ name }): PlanKey => `node/${name}`)
    const routers = this.#parts.settings.externalPeers.map((router): PlanKey => `router/${peerKey(router)}`)
    return ['local', ...nodes, ...routers]
  }

  #plan(key: PodNetworkKey): boolean | undefined {
    const local = this.#local
    if (!this.#planning || !local) return false
    if (key !== 'conflist') this.#parts.planner.plan(key, local)
    else if (this.#conflistIsDue(local)) this.#parts.conflist.plan(local)
    return this.#rerouted.delete(key) ? true : undefined
  }

  #afterPlan(keys: readonly PodNetworkKey[]): void {
    if (!this.#planning) return
    this.#parts.planner.planDiscards()
    this.#parts.planner.planHandover()
    this.#parts.bgp.judge()
    if (keys.includes('local')) this.#parts.routes.setGuard(this.#parts.planner.guard(this.#local), 'all')
    else if (this.#parts.settings.externalPeers.length > 0 && keys.some((key) => key.startsWith('node/')))
      this.#parts.routes.setGuard(this.#parts.planner.guard(this.#local), 'external')
  }

  #lookAtRouters(): void {
    const next = this.#planning ? this.#parts.downRouters.look() : undefined
    if (next !== undefined) this.#parts.timers.after('down-routers', next, () => this.#lookAtRouters())
  }

  /** After a flush: what waits for other things to be in place, or for time. */
  #advance(): void {
    this.#parts.readiness.logWaiting()
    this.#lookAtRouters()
    const local = this.#local
    if (!this.#planning || !local) return
    this.#parts.roles.tend()
    this.#parts.routes.bgp.expire()
    this.#planned ||= !this.#parts.controller.hasDirtyKeys
    this.#tellComplete()
    if (!this.#planned) return
    if (this.#conflistIsDue(local)) this.#parts.controller.mark('conflist')
    if (!this.#parts.readiness.nodesSynced) return
    if (this.#parts.readiness.endOfRibComplete && this.#parts.routes.nextHops.settled)
      this.#parts.staleState.sweep(local)
    if (this.#parts.staleState.swept) this.#parts.readiness.deadlinePassed = true
  }

  /** Routers hear that they have been told all: not for being late while the API server has told no Services. */
  #tellComplete(): void {
    const idle = !this.#parts.controller.hasDirtyKeys
    const late = this.#late && this.#parts.readiness.nodesSynced
    if (!this.#parts.planner.serviceAddresses.settle({ idle, late })) return
    this.#markRouters(this.#parts.settings)
    this.#mark('local')
  }

  /** Until then peers are waited for: that they come up, and that they have told all they have. */
  #awaitPeers(): void {
    if (this.#startedAt === undefined) return
    const due = this.#startedAt + this.#parts.settings.peerDeadline * 1000
    this.#parts.timers.after('deadline', Math.max(0, due - this.#options.clock.now()), () => {
      this.#parts.readiness.deadlinePassed = true
      this.#late = true
      this.recheck()
    })
  }

  #conflistIsDue(local: ClusterNode): boolean {
    return this.#parts.readiness.mayTakePods && this.#parts.conflist.differs(local)
  }

  // BGP.

  #onSession(event: PeerEvent): void {
    const { kind, peer } = event
    if (kind === 'end-of-rib' && this.#parts.bgp.sessions.hasEndOfRib(peer))
      this.#parts.routes.bgp.endOfRib(peer)
    if (kind === 'down') this.#surplusDown(peer)
    if (kind !== 'state') this.recheck()
  }

  /** What was kept only for as long as it lasts is over. */
  #surplusDown(peer: string): void {
    for (const { name } of this.#parts.nodes.claimantsOfAddress(peer))
      if (this.#parts.roles.isSurplus(name)) this.#mark(`node/${name}`)
  }
}
