/** A ClusterNetworkPolicy of policy.networking.k8s.io/v1alpha2: the fields of the object that are read, and what is made of them. */
import type { LabelSelector, LabelSelectorObject } from './label-selector.ts'
import type { Peer, PolicyPort } from './network-policy.ts'
import type { FieldProblem } from './problem.ts'

interface NamespacedPodObject {
  readonly namespaceSelector?: LabelSelectorObject
  readonly podSelector?: LabelSelectorObject
}

/** Every field may be missing or wrong: what cannot be used accepts nothing, denies rather than passes, and is reported. */
export interface ClusterNetworkPolicyObject {
  readonly metadata?: { readonly uid?: string; readonly generation?: number }
  readonly spec?: {
    readonly tier?: string
    readonly priority?: number
    readonly subject?: { readonly namespaces?: LabelSelectorObject; readonly pods?: NamespacedPodObject }
    readonly ingress?: readonly (RuleObject & { readonly from?: readonly ClusterPeerObject[] })[]
    readonly egress?: readonly (RuleObject & { readonly to?: readonly ClusterPeerObject[] })[]
  }
  readonly status?: { readonly conditions?: readonly ConditionObject[] | undefined } | undefined
}

export interface ConditionObject {
  readonly type?: string
  readonly status?: string
  readonly reason?: string
  readonly message?: string
  readonly observedGeneration?: number
  readonly lastTransitionTime?: string
}

export interface RuleObject {
  readonly name?: string
  readonly action?: string
  readonly protocols?: readonly ProtocolObject[]
}

export interface ClusterPeerObject {
  readonly namespaces?: LabelSelectorObject
  readonly pods?: NamespacedPodObject
  /** Of egress only, as those below. */
  readonly nodes?: LabelSelectorObject
  readonly networks?: readonly string[]
  readonly domainNames?: readonly string[]
}

interface TransportObject {
  readonly destinationPort?: {
    readonly number?: number
    readonly range?: { readonly start?: number; readonly end?: number }
  }
}

export interface ProtocolObject {
  readonly tcp?: TransportObject
  readonly udp?: TransportObject
  readonly sctp?: TransportObject
  readonly destinationNamedPort?: string
}

export type Tier = 'admin' | 'baseline'
export type Action = 'accept' | 'deny' | 'pass'

/** Nodes are known by the addresses of their status. */
export type ClusterPeer = Peer | { readonly kind: 'nodes'; readonly nodes: LabelSelector }

export interface ClusterRule {
  readonly action: Action
  /** Undefined: whoever. An empty list is nobody. */
  readonly peers: readonly ClusterPeer[] | undefined
  readonly ports: readonly PolicyPort[] | undefined
}

/** The condition Accepted of the status: what an agent has said of the policy. */
export interface Accepted {
  readonly status: string
  readonly reason: string
  readonly message: string
  /** That of the object of which it is said. */
  readonly generation: number | undefined
  /** When `status` became so, as RFC 3339. */
  readonly since?: string
}

export interface ClusterNetworkPolicy {
  readonly name: string
  readonly uid: string
  readonly tier: Tier
  /** Those with less come first. */
  readonly priority: number
  readonly subject: { readonly namespaces: LabelSelector; readonly pods: LabelSelector }
  /** In their order; none: the policy says nothing of that direction. */
  readonly ingress: readonly ClusterRule[]
  readonly egress: readonly ClusterRule[]
  /** Fields that were skipped. */
  readonly problems: readonly FieldProblem[]
  /** Another one with each change of the spec. */
  readonly generation?: number
  readonly accepted?: Accepted
}
