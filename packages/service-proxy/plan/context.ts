/** What planning needs to know about the node and the configuration. */

export interface PlanContext {
  readonly nodeName: string
  /** Every address of the node: none of them is ever made a service address. */
  readonly nodeAddresses: ReadonlySet<string>
  /** The node's addresses on which NodePorts answer. */
  readonly nodePortAddresses: readonly string[]
  /** Masquerade all traffic to ClusterIPs. */
  readonly masqueradeAll: boolean
}
