/** A NetworkPolicy of networking.k8s.io/v1: the fields of the object that are read, and what is made of them. */
import type { Cidr } from '@podroute/address/cidr.ts'
import type { LabelSelector, LabelSelectorObject } from './label-selector.ts'
import type { FieldProblem } from './problem.ts'
import type { Protocol } from './service.ts'

/** Every field may be missing or wrong: what cannot be used allows nothing, and is reported. */
export interface NetworkPolicyObject {
  readonly metadata?: { readonly uid?: string }
  readonly spec?: {
    readonly podSelector?: LabelSelectorObject
    readonly policyTypes?: readonly string[]
    readonly ingress?: readonly {
      readonly from?: readonly PeerObject[]
      readonly ports?: readonly PortObject[]
    }[]
    readonly egress?: readonly {
      readonly to?: readonly PeerObject[]
      readonly ports?: readonly PortObject[]
    }[]
  }
}

export interface PeerObject {
  readonly podSelector?: LabelSelectorObject
  readonly namespaceSelector?: LabelSelectorObject
  readonly ipBlock?: { readonly cidr?: string; readonly except?: readonly string[] }
}

export interface PortObject {
  readonly protocol?: string
  readonly port?: number | string
  readonly endPort?: number
}

export type Peer =
  | {
      readonly kind: 'pods'
      /** Undefined: the policy's own namespace. */
      readonly namespaces: LabelSelector | undefined
      readonly pods: LabelSelector
    }
  | { readonly kind: 'block'; readonly cidr: Cidr; readonly except: readonly Cidr[] }

export type PolicyPort =
  | {
      readonly kind: 'numbers'
      readonly protocol: Protocol
      readonly first: number
      readonly last: number
    }
  /** Resolved for each pod that traffic goes to. */
  | { readonly kind: 'name'; readonly protocol: Protocol; readonly name: string }

/** Who may talk through which ports; undefined: whoever, or through whatever. An empty list is nobody, or nothing. */
export interface PolicyRule {
  readonly peers: readonly Peer[] | undefined
  readonly ports: readonly PolicyPort[] | undefined
}

export type Direction = 'ingress' | 'egress'

export interface NetworkPolicy {
  readonly key: string
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly podSelector: LabelSelector
  /** What is let in to the pods that it selects; undefined: it says nothing of that direction. */
  readonly ingress: readonly PolicyRule[] | undefined
  readonly egress: readonly PolicyRule[] | undefined
  /** Fields that were skipped. */
  readonly problems: readonly FieldProblem[]
}
