/** What `podroute doctor` knows of a node and its cluster: gathered once, so that checks are functions of it alone. */
import type { Condition } from '@podroute/feature/condition.ts'
import type { LegacyForward } from '@podroute/linux/legacy-iptables.ts'
import type { PathOutcome } from '@podroute/linux/path-probe.ts'
import type { PendingChange } from '@podroute/reconcile/flush-order.ts'

/** What is not known has the reason. */
export type Fact<T> = { readonly value: T } | { readonly unknown: string }

export interface ConfFile {
  readonly name: string
  readonly text: string
}

export interface AgentFacts {
  readonly nodeName: string
  readonly conditions: readonly Condition[]
  readonly watches: readonly {
    readonly name: string
    readonly connected: boolean
    readonly lastError?: string | undefined
    /** Why a kind that may be absent is not followed: `not-served`. */
    readonly unavailable?: string | undefined
  }[]
  readonly pending: readonly PendingChange[]
  /** Where routes come from, as configured; absent: the agent does not say. */
  readonly routing?: string
  /** Whether the agent configures the pods' network of the node (option `cni`). Absent: the agent does not say. */
  readonly cni?: boolean
  /** Those outside the cluster. Absent: the agent does not say. */
  readonly routers?: readonly RouterFacts[]
}

export interface RouterFacts {
  readonly name: string
  readonly established: boolean
  readonly gracefulRestart: boolean
}

export interface RouteFacts {
  readonly destination: string
  /** Whether it leads by a gateway. */
  readonly gateway: boolean
}

export interface NodeFacts {
  readonly name: string
  readonly podCIDRs: readonly string[]
  readonly addresses: readonly string[]
}

export interface ClusterFacts {
  readonly nodes: readonly NodeFacts[]
  readonly serviceCIDRs: readonly string[]
  /** How far the API server's clock is ahead of the node's. */
  readonly skewSeconds: number
}

export interface Certificate {
  readonly path: string
  /** Until it ends. */
  readonly days: number
}

/** What became of packets to another node, as large as pods send them, and small. */
export interface PathFacts {
  readonly node: string
  readonly address: string
  /** Bytes. */
  readonly size: number
  readonly large: PathOutcome
  readonly small: PathOutcome
}

export interface LinkFacts {
  readonly name: string
  readonly kind: string
  readonly mtu: number
  readonly up: boolean
}

/** What chains hang on the hooks of nftables. */
export interface HookedChain {
  readonly family: string
  readonly table: string
  readonly name: string
  readonly hook: string
  readonly policy: 'accept' | 'drop'
}

/** A file in the folder of CNI plugins. */
export interface PluginFacts {
  readonly name: string
  /** Of podroute's build. */
  readonly own: boolean
}

export interface Facts {
  readonly nodeName: string | undefined
  /** By names with slashes; undefined: the kernel has no such parameter. */
  readonly sysctls: Fact<Readonly<Record<string, string | undefined>>>
  readonly ipvs: Fact<boolean>
  readonly links: Fact<readonly LinkFacts[]>
  /** Families that a packet to anywhere has a route in. */
  readonly defaultRoutes: Fact<readonly (4 | 6)[]>
  readonly routes: Fact<readonly RouteFacts[]>
  readonly legacyForward: Fact<readonly LegacyForward[]>
  readonly hookedChains: Fact<readonly HookedChain[]>
  /** All chains of nftables, iptables-nft's included: `ip nat PREROUTING`. */
  readonly chains: Fact<readonly string[]>
  /** `tcp 179`. */
  readonly ports: Fact<readonly string[]>
  /** In the order of their names, as runtimes take them. */
  readonly confFiles: Fact<readonly ConfFile[]>
  readonly plugins: Fact<readonly PluginFacts[]>
  /** Of the file system with the state directory: what is free, from 0 to 1. */
  readonly disk: Fact<{ readonly space: number; readonly inodes: number }>
  readonly files: Fact<{ readonly open: number; readonly most: number }>
  readonly certificates: Fact<readonly Certificate[]>
  readonly agent: Fact<AgentFacts>
  readonly cluster: Fact<ClusterFacts>
  /** To some of the other nodes. */
  readonly paths: Fact<readonly PathFacts[]>
}
