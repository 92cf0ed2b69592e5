/** A Node of the cluster: what is kept of the object, and what is made of it. */
import type { Family } from '@podroute/address/address.ts'
import type { Cidr } from '@podroute/address/cidr.ts'
import { type FieldProblem, problemText } from './problem.ts'
import type { Annotations } from './service.ts'

/** Types of status.addresses that name an address of the machine. */
export type AddressType = 'InternalIP' | 'ExternalIP'

/** Why a machine goes, whatever its taints say: its Node is being deleted, or its kubelet shuts it down (KEP-2000). */
export type NodeEnding = 'deletion' | 'shutdown'

export interface Taint {
  readonly key: string
  /** Empty: none. */
  readonly value: string
  /** NoSchedule, PreferNoSchedule or NoExecute. */
  readonly effect: string
}

/** The condition of this name, which Kubernetes taints the Node by where it is True. */
export interface NetworkUnavailable {
  /** True, False or Unknown. */
  readonly status: string
  readonly reason: string
  readonly message: string
  /** lastTransitionTime. */
  readonly since: string
}

/** What is kept of a Kubernetes Node object. */
export interface NodeObject {
  readonly name: string
  /** spec.podCIDRs */
  readonly podCIDRs: readonly string[]
  /** status.addresses of type InternalIP, in their order. */
  readonly internalIPs: readonly string[]
  /** Those of type ExternalIP. Absent: none. */
  readonly externalIPs?: readonly string[]
  /** Whether its condition Ready is True. */
  readonly ready: boolean
  /** Label topology.kubernetes.io/zone. */
  readonly zone?: string
  /** About to go: being deleted, or tainted so by the cluster autoscaler. Absent: no. */
  readonly leaving?: boolean
  /** Absent: it stays. */
  readonly ending?: NodeEnding
  /** Milliseconds since 1970. Absent: not known. */
  readonly created?: number
  /** Absent: none. */
  readonly labels?: Readonly<Record<string, string>>
  /** Those that may mean something to us (`ownAnnotations`). Absent: none. */
  readonly annotations?: Annotations
  /** spec.unschedulable: cordoned. Absent: no. */
  readonly unschedulable?: boolean
  /** spec.taints. Absent: none. */
  readonly taints?: readonly Taint[]
  /** Absent: nobody says it. */
  readonly networkUnavailable?: NetworkUnavailable
}

export interface NodeAddress {
  readonly family: Family
  readonly text: string
}

/** Its prefixes and addresses, checked. */
export interface ClusterNode {
  readonly name: string
  /** At most one per family (the API allows no more). */
  readonly podCidrs: readonly Cidr[]
  /** Canonical, in the order of the Node's status; the first of a family is the primary one. Those of type ExternalIP where it has no others. */
  readonly addresses: readonly NodeAddress[]
  readonly addressesByType: Readonly<Record<AddressType, readonly NodeAddress[]>>
  /** Whether pods run there, and so its agent. */
  readonly ready: boolean
  /** Label topology.kubernetes.io/zone; empty where it has none. */
  readonly zone: string
  /** About to go: being deleted, or tainted so by the cluster autoscaler. */
  readonly leaving: boolean
  /** Why the machine goes; absent: it stays. */
  readonly ending?: NodeEnding
  /** Milliseconds since 1970; 0: not known. */
  readonly created: number
  readonly labels: Readonly<Record<string, string>>
  /** Those under our own prefix and under kube-router's; read one by `findAnnotation`. */
  readonly annotations: Annotations
  /** spec.unschedulable: cordoned, which says nothing of what serves there. */
  readonly unschedulable: boolean
  readonly taints: readonly Taint[]
  /** Absent: nobody says it. */
  readonly networkUnavailable?: NetworkUnavailable
  /** Fields that were skipped. */
  readonly problems: readonly FieldProblem[]
}

export function primaryAddress(node: ClusterNode, family: Family): string | undefined {
  return node.addresses.find((address) => address.family === family)?.text
}

/** Whether the two have the same prefixes and addresses. */
export function sameNetwork(a: ClusterNode, b: ClusterNode): boolean {
  return networkText(a) === networkText(b)
}

/** Whether they have the same problems as well. */
export function sameFields(a: ClusterNode, b: ClusterNode): boolean {
  return sameNetwork(a, b) && problemsText(a) === problemsText(b)
}

function networkText(node: ClusterNode): string {
  return [...node.podCidrs.map((c) => c.text), '|', ...node.addresses.map((a) => a.text)].join(' ')
}

function problemsText({ problems }: ClusterNode): string {
  return problems.map(problemText).join()
}
