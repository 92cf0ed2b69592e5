/** What is known of this node and its cluster, from the API, the kernel and the configuration, as planning wants it. */
import { familyOf } from '@podroute/address/address.ts'
import { type Cidr, cidr, containsAddress, hostCidr } from '@podroute/address/cidr.ts'
import type { NodeIndex } from '@podroute/cluster/node-index.ts'
import { type ClusterNode, primaryAddress } from '@podroute/cluster/objects/node.ts'
import type { ReservedAddresses } from '@podroute/feature/reserved-addresses.ts'
import type { ProxySettings } from '../options.ts'
import type { BgpSpeakers, PlanContext } from './context.ts'
import { reservationsOf } from './reserved.ts'

export interface NodeViewOptions extends Omit<ProxySettings, 'drain' | 'takeOver'> {
  readonly nodeName: string
  readonly zone?: string
  /** The node's addresses, its primary one of each family first. */
  readonly nodeAddresses: readonly string[]
  /** All Nodes, as they are at any time; so are the two that follow. */
  readonly nodes: Pick<NodeIndex, 'claimantsOfAddress'>
  readonly reserved: Pick<ReservedAddresses, 'holderOf' | 'bgpPorts'>
  readonly podRanges: PlanContext['podRanges']
  markOf(name: string): number
}

interface Facts {
  readonly zone: string
  readonly nodeAddresses: readonly string[]
  /** Of all interfaces. */
  readonly kernelAddresses: readonly string[]
  /** Of the API, beside those of the configuration. */
  readonly serviceCIDRs: readonly string[]
  /** Schedulers that the kernel does not have. */
  readonly missingSchedulers: readonly string[]
}

export class NodeView {
  #options: NodeViewOptions
  #facts: Facts
  #context: PlanContext

  constructor(options: NodeViewOptions) {
    this.#options = options
    const { zone = '', nodeAddresses } = options
    this.#facts = { zone, nodeAddresses, kernelAddresses: [], serviceCIDRs: [], missingSchedulers: [] }
    this.#context = makeContext(options, this.#facts)
  }

  get context(): PlanContext {
    return this.#context
  }

  /** The node's own address towards a VIP; empty where it has none. */
  sourceOf(vip: string): string {
    return primaries(this.#facts.nodeAddresses).find((address) => familyOf(address) === familyOf(vip)) ?? ''
  }

  /** Returns whether anything is different now. */
  update(facts: Partial<Facts>): boolean {
    const next = { ...this.#facts, ...facts }
    if (JSON.stringify(next) === JSON.stringify(this.#facts)) return false
    this.#facts = next
    this.#context = makeContext(this.#options, next)
    return true
  }

  /** The same for what an operator may change. */
  configure(settings: ProxySettings): boolean {
    const now = settingsOf(settings)
    if (JSON.stringify(now) === JSON.stringify(settingsOf(this.#options))) return false
    this.#options = { ...this.#options, ...now }
    this.#context = makeContext(this.#options, this.#facts)
    return true
  }
}

function settingsOf(settings: ProxySettings): Required<Omit<ProxySettings, 'drain' | 'takeOver'>> {
  const { nodePortRanges = [], externalRanges = [], serviceCIDRs = [], nodeCIDRs = [] } = settings
  return {
    nodePortRanges,
    externalRanges,
    serviceCIDRs,
    nodeCIDRs,
    masqueradeAll: settings.masqueradeAll ?? false,
  }
}

function makeContext(options: NodeViewOptions, facts: Facts): PlanContext {
  const { nodeAddresses, kernelAddresses } = facts
  const { nodes, podRanges } = options
  const nodeRanges = (options.nodeCIDRs ?? []).map(cidr)
  return {
    nodeName: options.nodeName,
    zone: facts.zone,
    nodeAddresses: new Set([...nodeAddresses, ...kernelAddresses]),
    interfaceAddresses: new Set(kernelAddresses),
    clusterAddresses: {
      has: (address) =>
        nodeAddresses.includes(address) ||
        nodes.claimantsOfAddress(address).some((node) => isNodeAddress(node, address, nodeRanges)),
    },
    reservedAddresses: reservationsOf(options.reserved),
    nodePortAddresses: nodePortAddresses(options.nodePortRanges ?? [], facts),
    externalRanges: (options.externalRanges ?? []).map(cidr),
    serviceRanges: [...facts.serviceCIDRs, ...(options.serviceCIDRs ?? [])].map(cidr),
    podRanges,
    bgpSpeakers: bgpSpeakers(options, facts),
    missingSchedulers: new Set(facts.missingSchedulers),
    masqueradeAll: options.masqueradeAll ?? false,
    markOf: options.markOf,
  }
}

/** A pod that some Node claims to be is a pod all the same. */
function bgpSpeakers({ nodes, reserved, podRanges }: NodeViewOptions, facts: Facts): BgpSpeakers {
  const own = new Set([...facts.nodeAddresses, ...facts.kernelAddresses])
  const isNode = (address: string) =>
    own.has(address) || (nodes.claimantsOfAddress(address).length > 0 && !podRanges.hold(hostCidr(address)!))
  return {
    atPort: (port) => reserved.bgpPorts.has(port),
    holderOf(address) {
      if (reserved.holderOf(address) === 'bgp-peer') return 'a BGP peer'
      return isNode(address) ? 'a node' : undefined
    },
  }
}

/**
 * A Node's status is the node's own word. Of another node the first address of each family counts, because it loses its own network
 * with a false one, or those in the ranges that the operator names: a claim to a load balancer's address takes nothing away.
 */
function isNodeAddress(node: ClusterNode, address: string, ranges: readonly Cidr[]): boolean {
  if (ranges.length > 0) return ranges.some((range) => containsAddress(range, address))
  return primaryAddress(node, familyOf(address)) === address
}

function nodePortAddresses(ranges: readonly string[], facts: Facts): readonly string[] {
  if (ranges.length === 0) return primaries(facts.nodeAddresses)
  const prefixes = ranges.map(cidr)
  const all = new Set([...facts.nodeAddresses, ...facts.kernelAddresses])
  return [...all].filter((address) => prefixes.some((prefix) => containsAddress(prefix, address)))
}

/** The first of each family. */
function primaries(addresses: readonly string[]): readonly string[] {
  const found = ([4, 6] as const).map((family) => addresses.find((a) => familyOf(a) === family))
  return found.filter((address) => address !== undefined)
}
