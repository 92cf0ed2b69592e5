/** A service proxy with a cluster of its own, for tests that stand beside no API server. */
import type { EndpointSliceObject } from '@podroute/cluster/objects/endpoint-slice.ts'
import type { NodeObject } from '@podroute/cluster/objects/node.ts'
import type { ServiceObject } from '@podroute/cluster/objects/service.ts'
import { ClusterState } from '@podroute/cluster/state.ts'
import { nodeObject } from '@podroute/cluster/testing/objects.ts'
import { PodPrefixes } from '@podroute/feature/pod-prefixes.ts'
import { ReservedAddresses, type ReservedHolder } from '@podroute/feature/reserved-addresses.ts'
import type { ServiceProxyOptions } from '../options.ts'
import { ServiceProxy } from '../proxy.ts'

export interface ObjectProxyOptions
  extends Omit<ServiceProxyOptions, 'services' | 'nodes' | 'reserved' | 'podPrefixes'> {
  /** Pod prefixes, each of a Node. */
  readonly podCIDRs?: readonly string[]
}

export function createServiceProxy(options: ObjectProxyOptions): ObjectProxy {
  return new ObjectProxy(options, new ClusterState(), new ReservedAddresses())
}

export class ObjectProxy extends ServiceProxy {
  readonly podPrefixes: PodPrefixes
  readonly #cluster: ClusterState
  readonly #reserved: ReservedAddresses
  /** Names of Nodes by what they are there for. */
  readonly #nodes = new Map<string, readonly string[]>()

  constructor(options: ObjectProxyOptions, cluster: ClusterState, reserved: ReservedAddresses) {
    const podPrefixes = new PodPrefixes()
    super({ ...options, services: cluster.services, nodes: cluster.nodes, reserved, podPrefixes })
    this.podPrefixes = podPrefixes
    podPrefixes.subscribe((node) => this.podPrefixesChanged(node))
    this.#cluster = cluster
    this.#reserved = reserved
    cluster.subscribe('services', {
      changed: (key, before, after) => this.serviceChanged(key, after ? undefined : before),
      synced() {},
    })
    cluster.subscribe('endpointslices', {
      changed: (_key, before, after) => {
        for (const key of new Set([before?.service, after?.service])) if (key) this.serviceChanged(key)
      },
      synced() {},
    })
    cluster.subscribe('nodes', {
      changed: (_name, before, after) => this.nodeChanged(before, after),
      synced() {},
    })
    reserved.subscribeBgpPorts(() => this.bgpPortsChanged())
    reserved.subscribe((_holder, _addresses, changed) => this.reservedChanged(changed))
    this.setPodCIDRs(options.podCIDRs ?? [])
  }

  /** Exactly these Nodes have pod prefixes, each one of them. */
  setPodCIDRs(prefixes: readonly string[]): void {
    this.#setNodes(
      'pods',
      prefixes.map((prefix) => nodeObject(`pods-${prefix}`, { podCIDRs: [prefix] })),
    )
  }

  /** Of Nodes that have one each. */
  setClusterAddresses(addresses: readonly string[]): void {
    this.#setNodes(
      'cluster',
      addresses.map((address) => nodeObject(`cluster-${address}`, { internalIPs: [address] })),
    )
  }

  /** Those that one Node claims, in this order. */
  setClaims(internalIPs: readonly string[]): void {
    this.#setNodes('claims', [nodeObject('claims', { internalIPs })])
  }

  setReservedAddresses(holder: ReservedHolder, addresses: readonly string[]): void {
    this.#reserved.replace(holder, addresses)
  }

  setBgpPorts(...ports: readonly number[]): void {
    this.#reserved.replaceBgpPorts(ports)
  }

  upsertService(object: ServiceObject): void {
    this.#cluster.set('services', keyOf(object), object)
  }

  deleteService(key: string): void {
    this.#cluster.delete('services', key)
  }

  upsertSlice(object: EndpointSliceObject): void {
    this.#cluster.set('endpointslices', keyOf(object), object)
  }

  deleteSlice(key: string): void {
    this.#cluster.delete('endpointslices', key)
  }

  async close(): Promise<void> {
    await this[Symbol.asyncDispose]()
  }

  #setNodes(what: string, nodes: readonly NodeObject[]): void {
    const names = nodes.map(({ name }) => name)
    for (const node of nodes) this.#cluster.set('nodes', node.name, node)
    for (const name of this.#nodes.get(what) ?? [])
      if (!names.includes(name)) this.#cluster.delete('nodes', name)
    this.#nodes.set(what, names)
  }
}

/** Tests hand over what has no key, or nothing at all. */
function keyOf(object: Pick<ServiceObject, 'metadata'> | null): string {
  return `${object?.metadata?.namespace}/${object?.metadata?.name}`
}
