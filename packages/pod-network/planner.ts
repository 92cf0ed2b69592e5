/** Fills the tables from the Nodes that changed: one node at a time, everything when this node itself did. */

import type { Cidr } from '@podroute/address/cidr.ts'
import { type ClusterNode, sameNetwork } from '@podroute/cluster/objects/node.ts'
import { planAnnouncements } from './bgp/announcements.ts'
import { namedPrefixes } from './bgp/external-policy.ts'
import { WantedPeers } from './bgp/peer-claims.ts'
import { planExternalPeer, planMeshPeer } from './bgp/peers.ts'
import { planBridge, planBridgeAddresses } from './bridge/bridge.ts'
import { mtuOf, type Surroundings } from './bridge/host-interfaces.ts'
import { planSysctls } from './bridge/sysctls.ts'
import { WantedElements } from './egress/element-claims.ts'
import {
  MASQUERADE_CHAIN,
  planConfiguredElements,
  planMasqueradeChain,
  planNodeElements,
} from './egress/masquerade.ts'
import type { ClusterNodes } from './nodes/cluster-nodes.ts'
import { ClusterRanges, clusterRanges } from './route-sources/cluster-ranges.ts'
import type { Protected, RouteGuard } from './route-sources/route-guard.ts'
import type { PodNetworkSettings } from './settings.ts'
import type { PodNetworkTables } from './tables.ts'

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
  isVip(address: string): boolean
}

type PlannedTables = Pick<
  PodNetworkTables,
  'bridge' | 'sysctls' | 'addresses' | 'masquerade' | 'masqueradeChain' | 'announcements' | 'peers'
>

export class Planner {
  readonly #options: PlannerOptions
  readonly #nodes: ClusterNodes
  readonly #tables: PlannedTables
  readonly #dirty = new Set<string>()
  readonly #elements: WantedElements
  readonly #peers: WantedPeers
  #apiServers: readonly string[] = []
  #serviceCidrs: readonly Cidr[] = []
  #all = true

  constructor(options: PlannerOptions, nodes: ClusterNodes, tables: PlannedTables) {
    this.#options = options
    this.#nodes = nodes
    this.#tables = tables
    this.#elements = new WantedElements(tables.masquerade)
    this.#peers = new WantedPeers(tables.peers)
  }

  /** A Node came, went or changed; heartbeats, which change nothing here, cost nothing. */
  markNode(name: string, before: ClusterNode | undefined): void {
    const after = this.#nodes.get(name)
    if (before && after && sameNetwork(before, after) && before.ready === after.ready) return
    if (name === this.#options.nodeName) this.#all = true
    this.#dirty.add(name)
  }

  /** Addresses of the API server: no router outside is believed about them. */
  setApiServers(addresses: readonly string[]): void {
    this.#apiServers = addresses
    this.#all = true
  }

  /** Ranges of Services that the API server names, beside those of the configuration. */
  setServiceCidrs(ranges: readonly Cidr[]): void {
    this.#serviceCidrs = ranges
    this.#all = true
  }

  markAll(): void {
    this.#all = true
  }

  /** Whether a Node came, went or changed since the last plan. */
  get nodesChanged(): boolean {
    return this.#dirty.size > 0
  }

  /** Plans what is dirty; true when the guard of all learned routes is another now. */
  plan(local: ClusterNode, surroundings: Surroundings): boolean {
    if (!this.#all && this.#dirty.size === 0) return false
    const all = this.#all
    const names = all ? new Set([...this.#dirty, ...this.#names()]) : new Set(this.#dirty)
    this.#all = false
    this.#dirty.clear()
    if (all) this.#planLocal(local, surroundings)
    for (const name of names) this.#planNode(name, local)
    if (all) this.#planExternal(local)
    this.#elements.plan()
    return all
  }

  guard(local: ClusterNode | undefined, surroundings: Surroundings): RouteGuard {
    const connected: Protected[] = surroundings.connected.map((prefix) => ({ prefix, reason: 'connected' }))
    const pods: Protected[] = (local?.podCidrs ?? []).map((prefix) => ({ prefix, reason: 'local-pods' }))
    const serviceCidrs = [...this.#options.settings().serviceCidrs, ...this.#serviceCidrs]
    const services: Protected[] = serviceCidrs.map((prefix) => ({ prefix, reason: 'service-cidr' }))
    const { externalPeers, clusterCidrs } = this.#options.settings()
    const routers = new Set(externalPeers.map(({ address }) => address))
    const ranges = new ClusterRanges(
      clusterRanges(this.#nodes.values(), { clusterCidrs, serviceCidrs, apiServers: this.#apiServers }),
      externalPeers.flatMap(({ acceptRoutes }) => namedPrefixes(acceptRoutes)),
    )
    return {
      protected: [...connected, ...pods, ...services],
      ownAddresses: new Set([...surroundings.addresses, ...(local?.addresses ?? []).map((a) => a.text)]),
      isNodeAddress: (address) => this.#nodes.withAddress(address) !== undefined,
      isVip: (address) => this.#options.isVip(address),
      isExternal: (peer) => routers.has(peer),
      clusterConflict: (prefix) => ranges.conflict(prefix),
    }
  }

  #planLocal(local: ClusterNode, surroundings: Surroundings): void {
    const settings = this.#options.settings()
    const bridge = planBridge(local, mtuOf(local, settings, surroundings))
    replaceAll(this.#tables.bridge, bridge ? [[settings.bridge, bridge]] : [])
    replaceAll(this.#tables.addresses, planBridgeAddresses(local))
    replaceAll(this.#tables.announcements, planAnnouncements(local))
    const ipv6 = local.podCidrs.some((prefix) => prefix.family === 6)
    const sysctls = bridge ? planSysctls(settings.bridge, { ipv6 }, surroundings.acceptRa) : []
    for (const { name, value } of sysctls) this.#tables.sysctls.set(name, value)
    this.#tables.masqueradeChain.set(MASQUERADE_CHAIN, planMasqueradeChain(settings.masquerade))
    this.#elements.want('', planConfiguredElements(settings))
  }

  #planNode(name: string, local: ClusterNode): void {
    const node = this.#nodes.get(name)
    this.#elements.want(name, node ? planNodeElements(node, name === local.name) : [])
    const peer = node && planMeshPeer(local, node, this.#options.settings())
    this.#peers.want(`node/${name}`, peer, node?.ready)
  }

  #planExternal(local: ClusterNode): void {
    const settings = this.#options.settings()
    this.#peers.wantExternal(
      settings.externalPeers.map((peer) => [peer.address, planExternalPeer(local, peer, settings)]),
    )
  }

  #names(): string[] {
    return [...this.#nodes.values()].map((node) => node.name)
  }
}

/** Makes the table want exactly these. */
function replaceAll<K extends string, V>(table: Writable<K, V>, entries: Iterable<readonly [K, V]>): void {
  const wanted = new Map(entries)
  for (const key of table.desired().keys()) if (!wanted.has(key)) table.delete(key)
  for (const [key, value] of wanted) table.set(key, value)
}
