/** What a service proxy is made with. */
import type { NodeIndex } from '@podroute/cluster/node-index.ts'
import type { ServiceKey } from '@podroute/cluster/objects/service.ts'
import type { ServiceIndex } from '@podroute/cluster/service-index.ts'
import type { PodPrefixes } from '@podroute/feature/pod-prefixes.ts'
import type { ReservedAddresses } from '@podroute/feature/reserved-addresses.ts'
import type { LeftOver } from '@podroute/kernel/addresses/host-addresses.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { FlushResult } from '@podroute/reconcile/table.ts'
import type { ProxyKernel } from './proxy-kernel.ts'
import type { Problem } from './types.ts'

/** What an operator may change while the proxy runs. */
export interface ProxySettings {
  /** Prefixes of the node's addresses on which NodePorts answer; none: on its primary address of each family. */
  readonly nodePortRanges?: readonly string[]
  /** Ranges that Services take their ClusterIPs from. */
  readonly serviceCIDRs?: readonly string[]
  /** Ranges that nodes take their addresses from; none: not told. */
  readonly nodeCIDRs?: readonly string[]
  /** For how long an endpoint that goes keeps its connections, in seconds. */
  readonly drain?: number
  /** Prefixes that externalIPs of Services may take addresses from; without one they are refused. */
  readonly externalRanges?: readonly string[]
  readonly masqueradeAll?: boolean
  /** Virtual servers that another proxy left become ours, with their connections. */
  readonly takeOver?: boolean
}

export interface ServiceProxyOptions extends ProxySettings {
  /** The Services of the cluster with their slices, as they are at any time. */
  readonly services: Pick<
    ServiceIndex,
    'get' | 'slicesOf' | 'values' | 'size' | 'claimantsOfAddress' | 'claimantsInRange'
  >
  /** The Nodes, likewise. */
  readonly nodes: Pick<NodeIndex, 'get' | 'claimantsOfAddress'>
  /** Pod prefixes of Nodes that are others than their spec says, likewise. */
  readonly podPrefixes: Pick<PodPrefixes, 'of'>
  /** Addresses that no Service may have, likewise. */
  readonly reserved: Pick<ReservedAddresses, 'holderOf' | 'bgpPorts'>
  readonly nodeName: string
  /** The node's addresses, its primary one of each family first. */
  readonly nodeAddresses: readonly string[]
  /** Topology zone of the node. */
  readonly zone?: string
  /** Shortest pause between two audits, in milliseconds. */
  readonly auditPause?: number
  readonly kernel: ProxyKernel
  readonly clock?: Clock
  readonly random?: () => number
  readonly log?: Logger
  /** Each problem once, for as long as it lasts. */
  readonly onProblem?: (problem: Problem) => void
  /** Interfaces of other service proxies, whenever the node's addresses are read. */
  readonly onLeftOvers?: (leftOvers: readonly LeftOver[]) => void
  /** After a flush: what `addressesOf` says of these Services may be different. */
  readonly onServed?: (services: readonly ServiceKey[]) => void
  /** After every flush: what it did, and how long it took in milliseconds. */
  readonly onFlushed?: (result: FlushResult, milliseconds: number) => void
  /** How long changes are gathered before they are sent, in milliseconds. */
  readonly coalesce?: number
  /** Least time between the starts of two flushes, in milliseconds. */
  readonly interval?: number
}
