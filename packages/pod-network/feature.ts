/** The pod network as a feature of the agent. */
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import type { Feature, FeatureContext, FeatureDefinition } from '@podroute/feature/feature.ts'
import type { DeclareMetric } from '@podroute/feature/metric.ts'
import type { Hop, HopsTo, SummaryLine } from '@podroute/feature/page.ts'
import type { ReservedHolder } from '@podroute/feature/reserved-addresses.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { besideRestart } from './bgp/bfd/beside-restart.ts'
import { openBfd } from './bgp/bfd/open.ts'
import { kernelDiscovery } from './bgp/discovery.ts'
import { kernelTransport } from './bgp/transport.ts'
import { section } from './config/section.ts'
import { BGP_PORT } from './egress/bgp-ports.ts'
import { FORMER_RULES } from './egress/masquerade.ts'
import { KEPT_LEFT_NODES } from './handover/left-nodes.ts'
import { leftBehind } from './left-behind/left-behind.ts'
import { declareBgpMetrics } from './metrics.ts'
import { KEPT_ANNOTATIONS } from './node-annotations/node-annotations.ts'
import { KEPT_POD_CIDRS } from './node-annotations/pod-cidr-overrides.ts'
import { NodeCondition } from './node-condition/node-condition.ts'
import { LAST_KNOWN, LastKnownNodes } from './nodes/last-known-nodes.ts'
import { nodesPage, peersPage, routesPage } from './pages.ts'
import { PodNetwork } from './pod-network.ts'
import { masqueradeHops, routeHops } from './route-sources/hops.ts'
import { declareRouteMetrics } from './route-sources/route-metrics.ts'
import { FollowedServices } from './service-addresses/followed-services.ts'
import { declareAnnouncementMetrics } from './service-addresses/metrics.ts'
import { announcementsPage } from './service-addresses/report.ts'
import type { PodNetworkSettings } from './settings.ts'
import { declarePortMetrics } from './sources/port-metrics.ts'
import type { PodNetworkKernel } from './tables.ts'

/** Milliseconds without a network before the Node says so, beyond the time that peers are waited for at a start. */
const LONG_ENOUGH = 5000

const API_SERVER_HOLDERS: readonly ReservedHolder[] = [
  'api-server',
  'api-server-endpoint',
  'configured-api-server',
]

export const podNetwork: FeatureDefinition<PodNetworkSettings> = {
  name: 'pod-network',
  section,
  formerRules: FORMER_RULES,
  async create(context, settings) {
    const kernel = await context.kernel()
    // The reply of a pod on the same bridge must pass the NAT of its Service: the kernel's switch for that comes with this module.
    for (const [module, outcome] of await kernel.loadModules(['br_netfilter']))
      if (!outcome.ok) context.log.warn('kernel module missing', { module, reason: outcome.reason })
    return new PodNetworkFeature(context, settings, kernel)
  },
  leftBehind,
}

class PodNetworkFeature implements Feature<PodNetworkSettings> {
  readonly #network: PodNetwork
  readonly #context: FeatureContext
  readonly pages
  #settings: PodNetworkSettings
  readonly #services: FollowedServices
  readonly #condition: NodeCondition
  readonly #subscriptions = new DisposableStack()
  #nodesSynced = false
  readonly #apiServers = new Map<ReservedHolder, readonly string[]>()

  constructor(context: FeatureContext, settings: PodNetworkSettings, kernel: PodNetworkKernel) {
    const { nodeName, clock, log, cluster, events, podGate, pluginFields, podPrefixes } = context
    this.#context = context
    this.#settings = settings
    const bfd = openBfd(log)
    this.#services = this.#followedServices()
    this.#condition = this.#nodeCondition()
    this.#network = new PodNetwork({
      ...{ nodeName, settings, kernel, clock, log, events, podGate, pluginFields, podPrefixes },
      bfd,
      services: this.#services,
      keptAnnotations: context.store('node-annotations', KEPT_ANNOTATIONS),
      keptPodCidrs: context.store('pod-cidrs', KEPT_POD_CIDRS),
      keptLeftNodes: context.store('left-nodes', KEPT_LEFT_NODES, 'boot'),
      flushed: () => this.#condition.look(),
      settingsChanged: (changed) => this.#reserveRouters(changed),
      createSpeaker(speaker) {
        const sockets = { transport: kernelTransport(), discovery: kernelDiscovery() }
        // What an agent before this one told is still true; peers that keep nothing of one do not mind.
        return new Speaker({ ...speaker, ...sockets, restarted: true, bfd, log })
      },
      isVip: (address) =>
        cluster.services.withAddress(address) !== undefined && !context.reserved.has(address),
      holderOf: (address) => context.reserved.holderOf(address),
    })
    this.pages = [
      nodesPage(() => this.#network.view.report()),
      peersPage(() => this.#network.view.peers()),
      routesPage(() => this.#network.view.routes()),
      announcementsPage(() => ({
        announcements: this.#network.view.announcements(),
        problems: this.#network.view.announcementProblems(),
      })),
    ]
    this.#reserveRouters(settings)
  }

  async start(): Promise<void> {
    const { cluster, reserved } = this.#context
    await this.#network.start()
    this.#services.start()
    this.#subscriptions.use(
      reserved.subscribe((holder, addresses, changed) => {
        this.#network.reservedChanged(changed)
        this.#reservedChanged(holder, addresses)
      }),
    )
    const lastKnown = this.#subscriptions.use(this.#lastKnownNodes())
    lastKnown.start()
    const ranges = () => lastKnown.rangesChanged([...cluster.serviceCidrs.values()].flatMap((c) => c.ranges))
    this.#subscriptions.use(cluster.subscribe('servicecidrs', { changed: ranges, synced() {} }))
    const nodes = cluster.subscribe('nodes', {
      changed: (name, _before, node) => this.#nodeChanged(lastKnown, name, node),
      synced: () => {
        this.#nodesSynced = true
        lastKnown.synced()
        this.#context.firstSync.done()
      },
    })
    this.#subscriptions.use(nodes)
  }

  configure(settings: PodNetworkSettings): readonly string[] {
    this.#settings = settings
    this.#services.look()
    this.#condition.look()
    return this.#network.configure(settings)
  }

  conditions() {
    // The other features say themselves what they lack.
    return this.#network.conditions().filter(({ name }) => name !== 'others')
  }

  podGateChanged(): void {
    this.#network.recheck()
  }

  hops({ address, from }: HopsTo): readonly Hop[] {
    const { node, routes } = this.#network.view.snapshot()
    const { bridge, masquerade, noMasquerade } = this.#settings
    const podCIDRs = node?.podCIDRs ?? []
    const way = routeHops(address, { podCIDRs, routes, bridge })
    // The way to a virtual server ends there: what leaves is for an endpoint.
    if (from === undefined || this.#context.cluster.services.withAddress(address)) return way
    const nodes = [...this.#network.view.nodes()]
    const direct = [
      ...nodes.flatMap((one) => one.podCidrs),
      ...nodes.flatMap((one) => one.addresses),
      ...noMasquerade,
    ].map(({ text }) => text)
    return [...way, ...masqueradeHops(address, from, { enabled: masquerade, podCIDRs, direct })]
  }

  summary(): readonly SummaryLine[] {
    const { node, asn, peers, routes } = this.#network.view.snapshot()
    const unchecked = this.#network.uncheckedPorts
    const { drain, handsOnTo } = this.#network
    const up = peers.filter((peer) => peer.state === 'established').length
    const installed = routes.filter((route) => route.state === 'installed').length
    return [
      ['pod prefixes', node?.podCIDRs.join(', ') ?? ''],
      ['addresses', node?.addresses.join(', ') ?? ''],
      ['AS number', String(asn)],
      ...(drain === undefined ? [] : [['to be left', drain] as const]),
      ...(handsOnTo.length === 0 ? [] : [['hands connections on to', handsOnTo.join(', ')] as const]),
      ['peers', `${up} of ${peers.length} up`],
      ['routes', String(installed)],
      ...besideRestart(peers),
      ...(unchecked > 0 ? [['pods that are not checked', String(unchecked)] as const] : []),
    ]
  }

  stats() {
    return this.#network.stats()
  }

  pending() {
    return this.#network.pending()
  }

  declareMetrics(declare: DeclareMetric): void {
    const { view } = this.#network
    declareBgpMetrics(
      declare,
      () => view.peers(),
      () => view.asn,
    )
    declareRouteMetrics(
      declare,
      () => view.routes(),
      () => view.routeWrites(),
    )
    declareAnnouncementMetrics(declare, () => view.announcements())
    declarePortMetrics(declare, () => this.#network.uncheckedPorts)
  }

  /** Nodes that come and go meanwhile are nobody's business here any more. */
  async cleanup(): Promise<void> {
    this.#subscriptions.dispose()
    this.#context.podPrefixes.clear()
    await this.#network.cleanup()
    await this.#condition.remove()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscriptions.dispose()
    this.#condition[Symbol.dispose]()
    this.#services[Symbol.dispose]()
    this.#context.reserved.replace('bgp-peer', [])
    this.#context.reserved.replaceBgpPorts([])
    await this.#network[Symbol.asyncDispose]()
  }

  /** What is said of the network is no reason to plan it anew. */
  #nodeChanged(lastKnown: LastKnownNodes, name: string, node: ClusterNode | undefined): void {
    const { networkUnavailable, ...planned } = node ?? {}
    lastKnown.changed(name, node && (planned as ClusterNode))
    if (name === this.#context.nodeName) this.#condition.observed(node ? networkUnavailable : null)
  }

  #nodeCondition(): NodeCondition {
    const { nodeName, writer, clock, random, log } = this.#context
    return new NodeCondition({
      ...{ nodeName, client: writer, clock, random, log },
      wall: () => new Date(),
      conditions: () => (this.#nodesSynced ? this.#network.networkConditions : undefined),
      patience: () => this.#settings.peerDeadline * 1000 + LONG_ENOUGH,
      enabled: () => this.#settings.nodeCondition,
    })
  }

  #lastKnownNodes(): LastKnownNodes {
    const { nodeName, clock, log, store } = this.#context
    return new LastKnownNodes({
      ...{ nodeName, clock, log, sink: this.#network },
      store: store('last-known-nodes', LAST_KNOWN, 'boot'),
    })
  }

  #followedServices(): FollowedServices {
    const { nodeName, cluster, served, reserved } = this.#context
    return new FollowedServices({
      ...{ nodeName, cluster, served, reserved },
      settings: () => this.#settings.serviceAddresses,
      changed: (services) => this.#network.servicesChanged(services),
      servedChanged: (services) => this.#network.servedChanged(services),
      allChanged: () => this.#network.allServicesChanged(),
    })
  }

  /** No router outside is believed about the API server. */
  #reservedChanged(holder: ReservedHolder, addresses: readonly string[]): void {
    if (!API_SERVER_HOLDERS.includes(holder)) return
    this.#apiServers.set(holder, addresses)
    this.#network.setApiServers([...this.#apiServers.values()].flat())
  }

  /** No Service may take a router's address, nor lead to where it or a node speaks BGP. */
  #reserveRouters({ externalPeers, port, podsSpeakBgp }: PodNetworkSettings): void {
    const ports = [port, ...externalPeers.map((peer) => peer.port ?? BGP_PORT)]
    this.#context.reserved.replaceBgpPorts(podsSpeakBgp ? [] : ports)
    this.#context.reserved.replace(
      'bgp-peer',
      externalPeers.flatMap(({ address }) =>
        address === undefined || address.includes('%') ? [] : [address],
      ),
    )
  }
}
