/** What the page knows: a report of each agent, what all agents say alike of the cluster, and what changed. */

/** Of one agent. */
export interface AgentReport {
  readonly node: string
  /** Why it cannot be asked; absent: it answered. */
  readonly error?: string
  readonly version: string
  readonly ready: boolean
  readonly conditions: readonly {
    readonly name: string
    readonly ok: boolean
    readonly detail: string
    readonly advisory?: boolean
  }[]
  readonly summary: readonly (readonly [name: string, value: string])[]
  /** Of BGP. In a cluster of many nodes those only that are not established, and those with routers. */
  readonly sessions: readonly Session[]
  readonly counts: {
    readonly sessions: number
    readonly established: number
    readonly routes: number
    readonly installed: number
  }
}

export interface Session {
  /** Name of the Node, or the address of a router. */
  readonly name: string
  readonly kind: 'node' | 'external'
  readonly address: string
  readonly asn: string
  readonly state: string
  readonly description?: string
}

/** As the first agent that answers knows it. */
export interface ClusterReport {
  readonly nodes: readonly KnownNode[]
  readonly services: readonly KnownService[]
  /** Addresses of Services that routers are told, and what became of each. */
  readonly announced: readonly Announced[]
}

export interface KnownNode {
  readonly name: string
  readonly podCIDRs: readonly string[]
  readonly addresses: readonly string[]
  /** Whether that agent reaches it. */
  readonly state: string
  readonly reasons: readonly string[]
}

export interface KnownService {
  readonly key: string
  readonly state: string
  readonly addresses: readonly string[]
  readonly endpoints: number
}

export interface Announced {
  readonly prefix: string
  readonly kind: string
  readonly owner: string
  readonly state: string
}

export interface Change {
  /** Milliseconds since 1970. */
  readonly at: number
  /** Of which agent; empty: of the cluster. */
  readonly node: string
  readonly kind: 'good' | 'bad' | 'news'
  readonly text: string
}

/** What the stream of the server carries. */
export type Message =
  | {
      readonly kind: 'all'
      readonly scope: 'node' | 'cluster'
      readonly agents: readonly AgentReport[]
      readonly cluster: ClusterReport
      readonly changes: readonly Change[]
    }
  | { readonly kind: 'agent'; readonly report: AgentReport }
  | { readonly kind: 'gone'; readonly node: string }
  | { readonly kind: 'cluster'; readonly cluster: ClusterReport }
  | { readonly kind: 'changes'; readonly changes: readonly Change[] }

export const NOTHING_KNOWN: ClusterReport = { nodes: [], services: [], announced: [] }
