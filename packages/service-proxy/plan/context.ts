/** What planning needs to know about the node and the configuration. */
import type { Cidr } from '@podroute/address/cidr.ts'
import type { Reservations } from './reserved.ts'

export interface BgpSpeakers {
  /** Whether it is a port at which BGP is spoken at all. */
  atPort(port: number): boolean
  /** The holder of an address, where that speaks BGP. */
  holderOf(address: string): string | undefined
}

export interface PlanContext {
  readonly nodeName: string
  /** Topology zone of the node; empty where it has none. */
  readonly zone: string
  /** Every address of the node, by its own word or its interfaces'. */
  readonly nodeAddresses: ReadonlySet<string>
  /** Those that its interfaces have, whatever anybody says. */
  readonly interfaceAddresses: ReadonlySet<string>
  /** Addresses of all nodes: traffic to another node is never taken from it. */
  readonly clusterAddresses: Pick<ReadonlySet<string>, 'has'>
  /** Whom the node would lose if a Service took their address. */
  readonly reservedAddresses: Reservations
  /** The node's addresses on which NodePorts answer. */
  readonly nodePortAddresses: readonly string[]
  /** Prefixes that `spec.externalIPs` may take addresses from. */
  readonly externalRanges: readonly Cidr[]
  /** Prefixes of Services, and those of pods: addresses in them that come from elsewhere are somebody else's. */
  readonly serviceRanges: readonly Cidr[]
  readonly podRanges: { hold(host: Cidr): boolean }
  /** Whether somebody speaks BGP there: a node or a router. */
  readonly bgpSpeakers: BgpSpeakers
  /** Names of schedulers that the kernel turned out not to have. */
  readonly missingSchedulers: ReadonlySet<string>
  /** Masquerade all traffic to ClusterIPs. */
  readonly masqueradeAll: boolean
  /** The packet mark that stands for an address, protocol and port; the same one each time. */
  markOf(name: string): number
}
