/** What is wanted because of one key: this node itself, another Node, or a router outside. Pure but for the claims and tables that it fills. */
import type { Cidr } from '@podroute/address/cidr.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import type { Service } from '@podroute/cluster/objects/service.ts'
import type { Store } from '@podroute/feature/feature.ts'
import type { ReservedHolder } from '@podroute/feature/reserved-addresses.ts'
import { TABLE } from '@podroute/kernel/nft/table-resource.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import { AnnouncementClaims, planPodPrefixes } from './bgp/announcements.ts'
import { INSTANCE } from './bgp/instance.ts'
import { planInstance } from './bgp/instance-config.ts'
import { planMeshPeer } from './bgp/mesh-peers.ts'
import { PeerClaims, type PeerOwner } from './bgp/peer-claims.ts'
import { peerKey } from './bgp/peer-key.ts'
import type { MeshRoles } from './bgp/roles/mesh-roles.ts'
import { planExternalPeer, sourceOf } from './bgp/routers.ts'
import type { BgpTables } from './bgp/tables.ts'
import { planBridge, planBridgeAddresses } from './bridge/bridge.ts'
import { EMPTY, type InterfaceState, mtuOf } from './bridge/host-interfaces.ts'
import { planSysctls } from './bridge/sysctls.ts'
import { bgpPortChains } from './egress/bgp-ports.ts'
import { ElementClaims } from './egress/element-claims.ts'
import { masqueradeTable, planConfiguredElements, planNodeElements } from './egress/masquerade.ts'
import { Handover } from './handover/handover.ts'
import type { KeptLeftNodes } from './handover/left-nodes.ts'
import { Notice } from './handover/notice.ts'
import type { PlanKey } from './keys.ts'
import { nameOf } from './keys.ts'
import type { NodeOverrides } from './node-annotations/node-settings.ts'
import { type AddressFacts, type RefusedAddress, refusedAddresses } from './nodes/address-judge.ts'
import type { ClusterNodes } from './nodes/cluster-nodes.ts'
import { makeGuard } from './route-sources/cluster-guard.ts'
import { ClusterRanges, hostRanges, nodeRanges, type RangeKind } from './route-sources/cluster-ranges.ts'
import type { RouteGuard } from './route-sources/route-guard.ts'
import { Aggregates } from './routers/aggregates.ts'
import { type DiscardFacts, DiscardRoutes } from './routers/discard-routes.ts'
import { ServiceAddresses, type ServiceSource } from './service-addresses/service-addresses.ts'
import { NO_SERVICE_ADDRESSES, type ServiceAddressSettings } from './service-addresses/settings.ts'
import type { ExternalPeer, PodNetworkSettings } from './settings.ts'
import { sourcesTable } from './sources/table.ts'
import type { PodNetworkTables } from './tables.ts'
import type { NamedTimers } from './timers.ts'

/** What is used of a table. */
interface Writable<K extends string, V> {
  set(key: K, value: V): void
  delete(key: K): void
  desired(): ReadonlyMap<K, V>
}

export interface PlannerOptions {
  readonly nodeName: string
  /** As they are now. */
  settings(): PodNetworkSettings
  /** What annotations of this node's own Node say. */
  overrides(): NodeOverrides
  /** As they were read last. */
  interfaces(): InterfaceState
  readonly services: ServiceSource
  /** What the last agent knew of nodes that are left. */
  readonly keptLeftNodes: Store<KeptLeftNodes>
  /** An annotation of a Service means nothing. */
  wrong(service: Service, detail: string): void
  readonly clock: Pick<Clock, 'now'>
  readonly timers: NamedTimers
  /** The key is to be planned again. */
  mark(key: PlanKey): void
  isVip(address: string): boolean
  /** Who needs an address, whatever Nodes say. */
  holderOf(address: string): ReservedHolder | undefined
  /** Who the nodes are to each other. */
  readonly roles: Pick<MeshRoles, 'session' | 'asnOf'>
  /** What routes to the pods of a Node are judged by; undefined: it is gone. */
  origin(name: string, node: ClusterNode | undefined): void
  /** What of a Node's addresses is not taken for a node's; called whenever the Node is planned. */
  refused(node: string, addresses: readonly RefusedAddress[]): void
  /** Another Node as it is; undefined: it is gone. Its routes are planned where they come from Nodes. */
  routes(name: string, node: ClusterNode | undefined): void
}

export type PlannedTables = Pick<
  PodNetworkTables & BgpTables,
  | 'bridge'
  | 'sysctls'
  | 'addresses'
  | 'masquerade'
  | 'rules'
  | 'sourceRules'
  | 'discards'
  | 'handover4'
  | 'handover6'
  | 'instance'
  | 'announcements'
  | 'peers'
>

export class Planner {
  readonly #options: PlannerOptions
  readonly #nodes: ClusterNodes
  readonly #tables: PlannedTables
  readonly #elements: ElementClaims
  readonly #peers: PeerClaims
  readonly #aggregates: Aggregates
  readonly discards: DiscardRoutes
  readonly #announcements: AnnouncementClaims
  readonly serviceAddresses: ServiceAddresses
  readonly handover: Handover
  readonly #notice: Notice
  readonly #ranges = new ClusterRanges()
  #apiServers: readonly string[] = []
  #serviceRanges: readonly Cidr[] = []

  constructor(options: PlannerOptions, nodes: ClusterNodes, tables: PlannedTables) {
    this.#options = options
    this.#nodes = nodes
    this.#tables = tables
    this.#elements = new ElementClaims(tables.masquerade)
    this.#peers = new PeerClaims(tables.peers)
    this.discards = new DiscardRoutes(tables.announcements, tables.discards)
    this.#aggregates = new Aggregates(this.discards)
    this.#announcements = new AnnouncementClaims(this.#aggregates)
    this.serviceAddresses = this.#createServiceAddresses()
    this.handover = new Handover(options, { 4: tables.handover4, 6: tables.handover6 })
    this.#notice = new Notice(options)
  }

  /** Addresses of the API server: no router outside is believed about them. */
  setApiServers(addresses: readonly string[]): void {
    this.#apiServers = addresses
  }

  /** Ranges of Services that the API names, beside those of the configuration. */
  setServiceRanges(ranges: readonly Cidr[]): void {
    this.#serviceRanges = ranges
  }

  plan(key: PlanKey, local: ClusterNode): void {
    if (key === 'local') this.#planLocal(local)
    else if (key.startsWith('node/')) this.#planNode(nameOf(key), local)
    else if (key.startsWith('service/')) this.serviceAddresses.plan(nameOf(key), local)
    else this.#planRouter(nameOf(key), local)
  }

  /** The peer that a Node or a router is, by its name in the table; undefined: none. */
  peerOf(key: PlanKey): string | undefined {
    return isPeerOwner(key) ? this.#peers.keyOf(key) : undefined
  }

  guard(local: ClusterNode | undefined): RouteGuard {
    const settings = this.#options.settings()
    return makeGuard({
      local,
      nodes: this.#nodes,
      settings,
      serviceCidrs: this.#allServiceCidrs(),
      interfaces: local ? this.#options.interfaces() : EMPTY,
      ranges: this.#ranges,
      apiServers: this.#apiServers,
      isVip: (address) => this.#options.isVip(address),
    })
  }

  #planLocal(local: ClusterNode): void {
    const settings = this.#options.settings()
    const interfaces = this.#options.interfaces()
    this.#planBgp(local, settings)
    const bridge = settings.cni ? planBridge(local, mtuOf(local, settings, interfaces)) : undefined
    replaceAll(this.#tables.bridge, bridge ? [[settings.bridge, bridge]] : [])
    replaceAll(this.#tables.addresses, settings.cni ? planBridgeAddresses(local) : [])
    const ipv6 = local.podCidrs.some((prefix) => prefix.family === 6)
    const hasPods = local.podCidrs.length > 0
    const sysctls = hasPods ? planSysctls(settings, { ipv6 }, interfaces.acceptRa) : []
    for (const { name, value } of sysctls) this.#tables.sysctls.set(name, value)
    this.#tables.rules.set(TABLE, masqueradeTable(settings.masquerade, bgpPortChains(settings)))
    this.#tables.sourceRules.set(TABLE, sourcesTable(settings.sourceCheck !== false))
    this.#elements.want('', planConfiguredElements(settings))
    this.#planRanges()
  }

  #planBgp(local: ClusterNode, settings: PodNetworkSettings): void {
    const { instance: table } = this.#tables
    const speaks = settings.routing === 'bgp'
    this.#aggregates.configure(settings.externalPeers.flatMap(({ announce }) => announce?.aggregates ?? []))
    this.#announcements.replace('pods', speaks ? planPodPrefixes(local) : [])
    const { listen } = this.#options.overrides()
    const asn = this.#options.roles.asnOf(local.name)
    const instance = speaks
      ? planInstance(
          local,
          { ...settings, asn },
          listen,
          this.#nodes.values(),
          this.#sources(local, settings),
        )
      : undefined
    // Without an address the sessions that there are go on.
    if (instance) table.set(INSTANCE, instance)
    else if (!speaks) table.delete(INSTANCE)
    this.serviceAddresses.localChanged(local)
  }

  /** Addresses of this node that its sessions with routers are from. One that it does not have cannot be listened on. */
  #sources(local: ClusterNode, { externalPeers }: PodNetworkSettings): readonly string[] {
    const interfaces = this.#options.interfaces()
    const sources = externalPeers.flatMap((peer) => sourceOf(local, peer, interfaces) ?? [])
    return sources.filter((address) => interfaces.addresses.includes(address))
  }

  /** After keys were planned: aggregates follow from many. */
  planDiscards(): void {
    this.discards.plan(() => this.#discardFacts())
  }

  /** After keys were planned: it follows from Nodes and Services. What an earlier run left stays until both are known. */
  planHandover(): void {
    const { services } = this.#options
    if (this.serviceAddresses.complete)
      this.handover.plan(() => (services.servedHere ? this.serviceAddresses.served : []))
  }

  #discardFacts(): DiscardFacts {
    const { services, settings, interfaces } = this.#options
    const nodes = Array.from(this.#nodes.values(), ({ addresses }) => addresses.map(({ text }) => text))
    const routers = settings().externalPeers.flatMap(({ address }) =>
      address === undefined || address.includes('%') ? [] : address,
    )
    return {
      servedHere: services.servedHere,
      connected: interfaces().connected,
      needed: [...nodes.flat(), ...routers, ...this.#apiServers],
    }
  }

  /** Prefixes that this node announces by itself. */
  get podPrefixes(): readonly string[] {
    return this.#announcements.keysOf('pods')
  }

  #createServiceAddresses(): ServiceAddresses {
    const { services, clock, timers, settings, mark } = this.#options
    return new ServiceAddresses({
      ...{ source: services, claims: this.#announcements, clock, timers },
      settings: () => announcedOf(settings()),
      routers: () => settings().externalPeers.map(peerKey),
      leaving: (local) => this.#notice.told(local),
      wrong: (service, detail) => this.#options.wrong(service, detail),
      mark: (key) => mark(`service/${key}`),
      markLocal: () => mark('local'),
    })
  }

  #planNode(name: string, local: ClusterNode): void {
    const node = this.#nodes.get(name)
    const refused = node ? refusedAddresses(node, this.#addressFacts(local)) : []
    this.#elements.want(name, node ? planNodeElements(node, name === local.name, refused) : [])
    this.#options.refused(name, refused)
    this.handover.nodeChanged(name, node, refused)
    this.#ranges.replace(`node/${name}`, nodeRanges(node))
    const settings = this.#options.settings()
    const other = name === local.name ? undefined : node
    this.#options.routes(name, other)
    this.#options.origin(name, node)
    const peer = other && settings.routing === 'bgp' ? this.#planSession(other, local) : undefined
    this.#peers.want(`node/${name}`, peer, node?.ready)
  }

  #planSession(node: ClusterNode, local: ClusterNode): PeerConfig | undefined {
    const { session, ...parts } = this.#options.roles.session(node.name)
    return session ? planMeshPeer(local, node, this.#options.settings(), this.#nodes, parts) : undefined
  }

  #addressFacts(local: ClusterNode): AddressFacts {
    const { nodeCidrs } = this.#options.settings()
    const holderOf = (address: string) => this.#options.holderOf(address)
    return { local, nodeCidrs, serviceCidrs: this.#allServiceCidrs(), holderOf }
  }

  /** Those that no Node names. */
  #planRanges(): void {
    const { clusterCidrs } = this.#options.settings()
    const ofKind = (kind: RangeKind, prefixes: readonly Cidr[]) =>
      this.#ranges.replace(
        kind,
        prefixes.map((prefix) => ({ prefix, kind })),
      )
    ofKind('cluster-cidr', clusterCidrs)
    ofKind('service-cidr', this.#allServiceCidrs())
    this.#ranges.replace('api-server', hostRanges(this.#apiServers, 'api-server'))
  }

  #allServiceCidrs(): readonly Cidr[] {
    return [...this.#options.settings().serviceCidrs, ...this.#serviceRanges]
  }

  #planRouter(name: string, local: ClusterNode): void {
    const settings = this.#options.settings()
    const router = settings.externalPeers.find((peer) => peerKey(peer) === name)
    const speaks = settings.routing === 'bgp'
    const peer = router && speaks ? this.#routerPeer(router, local, settings) : undefined
    const held = peer && !this.serviceAddresses.complete ? { ...peer, holdEndOfRib: true } : peer
    this.#peers.want(`router/${name}`, held)
  }

  #routerPeer(
    router: ExternalPeer,
    local: ClusterNode,
    settings: PodNetworkSettings,
  ): PeerConfig | undefined {
    const { overrides, interfaces } = this.#options
    const leaving = this.#notice.told(local) !== undefined
    return planExternalPeer(local, router, settings, overrides(), interfaces(), leaving)
  }
}

/** Without BGP there is nobody to tell. */
function announcedOf({ routing, serviceAddresses }: PodNetworkSettings): ServiceAddressSettings {
  return routing === 'bgp' ? serviceAddresses : { ...NO_SERVICE_ADDRESSES, annotations: false }
}

function isPeerOwner(key: PlanKey): key is PeerOwner {
  return key.startsWith('node/') || key.startsWith('router/')
}

/** Makes the table want exactly these. */
function replaceAll<K extends string, V>(table: Writable<K, V>, entries: Iterable<readonly [K, V]>): void {
  const wanted = new Map(entries)
  for (const key of table.desired().keys()) if (!wanted.has(key)) table.delete(key)
  for (const [key, value] of wanted) table.set(key, value)
}
