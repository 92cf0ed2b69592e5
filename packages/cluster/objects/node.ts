/** A Node of the cluster: what is kept of it. */

/** What is kept of a Kubernetes Node object. */
export interface NodeObject {
  readonly name: string
  /** spec.podCIDRs */
  readonly podCIDRs: readonly string[]
  /** status.addresses of type InternalIP, in their order. */
  readonly internalIPs: readonly string[]
  /** Whether its condition Ready is True. */
  readonly ready: boolean
  /** Label topology.kubernetes.io/zone. */
  readonly zone?: string
  /** About to go: being deleted, or tainted so by the cluster autoscaler. Absent: no. */
  readonly leaving?: boolean
}
