/** What a pod network is made of, and how its parts know each other. */
import type { Service } from '@podroute/cluster/objects/service.ts'
import type { Condition } from '@podroute/feature/condition.ts'
import { Controller } from '@podroute/reconcile/controller.ts'
import type { PeerEvent } from 'bgp-speaker-ts/snapshot.ts'
import { Bgp } from './bgp/bgp.ts'
import { DownRouters } from './bgp/ends/down-routers.ts'
import { peerKey } from './bgp/peer-key.ts'
import { MeshRoles } from './bgp/roles/mesh-roles.ts'
import { type BgpTables, bgpFlushOrder } from './bgp/tables.ts'
import { ConflistWriter } from './bridge/conflist-writer.ts'
import { HostMonitor } from './bridge/host-monitor.ts'
import { EffectiveSettings } from './effective-settings.ts'
import { sayDropped } from './forwarding/events.ts'
import { Forwarding } from './forwarding/forwarding.ts'
import type { PodNetworkKey } from './keys.ts'
import { NodeAnnotations } from './node-annotations/node-annotations.ts'
import { PodCidrOverrides } from './node-annotations/pod-cidr-overrides.ts'
import { ClusterNodes } from './nodes/cluster-nodes.ts'
import { NodeProblems } from './nodes/node-problems.ts'
import type { PodNetworkOptions } from './options.ts'
import { Planner, type PlannerOptions } from './planner.ts'
import { sayOtherPlugins } from './plugins/events.ts'
import { InstalledPlugins } from './plugins/installed-plugins.ts'
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

/** What parts ask of the pod network, and tell it. */
export interface PartsOwner {
  readonly isPlanning: boolean
  conditions(): readonly Condition[]
  mark(key: PodNetworkKey): void
  planAll(): void
  /** Something outside changed that readiness depends on. */
  recheck(): void
  interfacesChanged(): void
  sessionChanged(event: PeerEvent): void
  /** The routes of a node are others than when it was planned last. */
  rerouted(node: string): void
  plan(key: PodNetworkKey): boolean | undefined
  planned(keys: readonly PodNetworkKey[]): void
  flushed(): void
}

export class PodNetworkParts {
  readonly #options: PodNetworkOptions
  readonly #owner: PartsOwner
  readonly routers: Routers
  readonly effective: EffectiveSettings
  readonly timers: NamedTimers
  readonly nodes: ClusterNodes
  readonly problems: NodeProblems
  readonly bgp: Bgp
  readonly tables: PodNetworkTables & BgpTables
  readonly hostMonitor: HostMonitor
  readonly podCidrs: PodCidrOverrides
  readonly annotations: NodeAnnotations
  readonly forwarding: Forwarding
  readonly plugins: InstalledPlugins
  readonly roles: MeshRoles
  readonly planner: Planner
  readonly routes: RouteSources
  readonly conflist: ConflistWriter
  readonly staleState: StaleState
  readonly controller: Controller<PodNetworkKey>
  readonly view: PodNetworkView
  readonly downRouters: DownRouters
  readonly readiness: Readiness

  constructor(options: PodNetworkOptions, owner: PartsOwner) {
    const { clock, log, nodeName, events } = options
    this.#options = options
    this.#owner = owner
    this.routers = new Routers(options)
    this.effective = new EffectiveSettings(options.settings, this.routers)
    this.timers = new NamedTimers(clock)
    this.nodes = new ClusterNodes(nodeName, () => this.settings.nodeAddressTypes)
    this.problems = new NodeProblems({ log, localName: nodeName, events })
    this.bgp = this.#createBgp()
    this.tables = this.#createTables()
    this.hostMonitor = this.#createHostMonitor()
    this.podCidrs = this.#createPodCidrs()
    this.annotations = new NodeAnnotations({
      ...{ nodeName, log, events, store: options.keptAnnotations },
      hasAddress: (address) => this.#interfaces().addresses.includes(address),
    })
    this.forwarding = this.#createForwarding()
    this.plugins = this.#createPlugins()
    this.roles = this.#createRoles()
    this.planner = this.#createPlanner()
    this.routes = this.#createRoutes()
    this.conflist = new ConflistWriter({
      ...{ table: this.tables.conflist, log, settings: () => this.settings, interfaces: this.#interfaces },
      pluginFields: () => options.pluginFields(),
    })
    this.staleState = new StaleState({
      ...{
        tables: this.tables,
        nodes: this.nodes,
        bgpRoutes: this.routes.bgp.routes,
        log,
        cni: this.settings.cni,
      },
    })
    this.controller = this.#createController()
    this.view = this.#createView()
    this.downRouters = this.#createDownRouters()
    this.readiness = this.#createReadiness()
  }

  /** Of this node: with what its annotations say. */
  get settings(): PodNetworkSettings {
    return this.effective.current
  }

  readonly #interfaces = () => this.hostMonitor.interfaces

  #createTables(): PodNetworkTables & BgpTables {
    const { clock, log, kernel } = this.#options
    const create = this.#options.createTables ?? createTables
    return { ...create(kernel, () => this.settings, { clock, log }), ...this.bgp.tables }
  }

  #createHostMonitor(): HostMonitor {
    const { kernel, clock, log, settings } = this.#options
    return new HostMonitor({
      ...{ kernel, tables: this.tables, clock, log, bridge: settings.bridge, cni: settings.cni },
      hairpin: () => this.settings.hairpin,
      changed: () => this.#owner.interfacesChanged(),
    })
  }

  #createPodCidrs(): PodCidrOverrides {
    return new PodCidrOverrides({
      clusterCidrs: () => this.settings.clusterCidrs,
      refused: (node, problems) => this.annotations.podCidrsRefused(node, problems),
      store: this.#options.keptPodCidrs,
    })
  }

  #createForwarding(): Forwarding {
    const { kernel, clock, log } = this.#options
    return new Forwarding({
      ...{ kernel, table: this.tables.forwarding, clock, log, settings: () => this.settings },
      say: (problem) => sayDropped(this.#options, problem),
      changed: () => this.#owner.recheck(),
    })
  }

  #createPlugins(): InstalledPlugins {
    const { kernel, nodeName, clock, log } = this.#options
    return new InstalledPlugins({
      ...{ files: kernel.files, nodeName, clock, log, cni: () => this.settings.cni },
      say: (problem) => sayOtherPlugins(this.#options, problem),
    })
  }

  #createPlanner(): Planner {
    const planning = {
      ...{ ...this.#options, roles: this.roles, timers: this.timers, interfaces: this.#interfaces },
      settings: () => this.settings,
      overrides: () => this.annotations.settings,
      refused: (node, addresses) => this.problems.addressesRefused(node, addresses, this.nodes),
      routes: (name, node) => this.routes.planNode(name, node, this.settings.routing),
      origin: (name, node) => this.bgp.setOrigin(name, node),
      mark: (key) => this.#owner.mark(key),
      wrong: (service: Service, detail) => this.#options.events.record(wrongAnnotation(service, detail)),
    } satisfies PlannerOptions
    return new Planner(planning, this.nodes, this.tables)
  }

  #createController(): Controller<PodNetworkKey> {
    const { clock, log } = this.#options
    return new Controller<PodNetworkKey>({
      ...{ clock, log, first: 'local', interval: INTERVAL, auditPause: AUDIT_PAUSE },
      tables: flushOrder(this.tables, bgpFlushOrder(this.bgp.tables)),
      plan: (key) => this.#owner.plan(key),
      planned: (keys) => this.#owner.planned(keys),
      wants: (key) => wantsOf(key, this.view.keyFacts()),
      problems: (key) => problemsOf(key, this.view.keyFacts()),
      onFlushed: () => this.#owner.flushed(),
    })
  }

  #createBgp(): Bgp {
    const { nodeName, createSpeaker, clock, log, settings } = this.#options
    const bgp = new Bgp({
      ...{ nodeName, createSpeaker, clock, log },
      nodeAt: (peer) => this.nodes.withAddress(peer)?.name,
      keepFor: () => this.#keepFor(),
      onBest: (changes) => {
        if (this.#owner.isPlanning) this.routes.bgp.onBest(changes)
      },
      onSession: (event) => this.#owner.sessionChanged(event),
      onEnded: () => this.routes.bgp.routes.retainAll(),
    })
    bgp.collectors.configure(settings.bmpCollectors)
    return bgp
  }

  #createRoles(): MeshRoles {
    const { nodeName, clock, log, events } = this.#options
    const peerOf = (node: string) => this.planner.peerOf(`node/${node}`) ?? ''
    return new MeshRoles({
      ...{ localName: nodeName, clock, log, events, nodes: this.nodes },
      settings: () => this.settings,
      isEstablished: (node) => this.bgp.sessions.isEstablished(peerOf(node)),
      hasEndOfRib: (node) => this.bgp.sessions.hasEndOfRib(peerOf(node)),
      changed: () => this.#owner.planAll(),
      released: (names) => {
        for (const name of names) this.#owner.mark(`node/${name}`)
      },
    })
  }

  #createRoutes(): RouteSources {
    const { clock, log, nodeName, kernel } = this.#options
    return new RouteSources({
      ...{ clock, log, kernel, localName: nodeName, nodes: this.nodes, timers: this.timers },
      table: this.tables.routes,
      interfaces: this.#interfaces,
      maxPaths: () => this.settings.maxPaths,
      changed: () => this.#owner.recheck(),
      guard: this.planner.guard(undefined),
      keepFor: () => this.#keepFor(),
      lostAt: (peer) => this.bgp.lostAt(peer),
      rerouted: (node) => this.#owner.rerouted(node),
    })
  }

  #createView(): PodNetworkView {
    const { nodeName, clock, bfd } = this.#options
    return new PodNetworkView({
      ...{ nodeName, clock, bfd, nodes: this.nodes, tables: this.tables, bgp: this.bgp },
      ...{ roles: this.roles, planner: this.planner, routes: this.routes },
      settings: () => this.settings,
      status: (key) => this.controller.status(key),
      stats: () => this.controller.stats(),
      conditions: () => this.#owner.conditions(),
    })
  }

  #createDownRouters(): DownRouters {
    const { nodeName, events, clock } = this.#options
    return new DownRouters({
      ...{ nodeName, events, clock },
      routers: () => this.settings.externalPeers.map(peerKey),
      isEstablished: (router) => this.bgp.sessions.isEstablished(router),
      peers: () => this.bgp.peers(),
    })
  }

  #createReadiness(): Readiness {
    const { nodeName, log } = this.#options
    return new Readiness({
      ...{ nodeName, nodes: this.nodes, tables: this.tables, sessions: this.bgp.sessions, log },
      nodeAddressTypes: () => this.settings.nodeAddressTypes,
      routing: () => this.settings.routing,
      cni: this.settings.cni,
      routers: () => new Set(this.settings.externalPeers.map(peerKey)),
      podGate: () => this.#options.podGate(),
    })
  }

  /** What nobody routes here any more is not kept. */
  #keepFor(): number {
    return this.settings.routing === 'none' ? 0 : this.settings.keepRoutes * 1000
  }
}
