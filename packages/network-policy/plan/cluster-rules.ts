/** Which ClusterNetworkPolicies apply to a pod, in the order in which they are asked. Pure. */
import { type Cidr, hostCidr } from '@podroute/address/cidr.ts'
import type {
  ClusterNetworkPolicy,
  ClusterRule,
  Tier,
} from '@podroute/cluster/objects/cluster-network-policy.ts'
import { type LabelSelector, matches } from '@podroute/cluster/objects/label-selector.ts'
import type { Direction, Peer } from '@podroute/cluster/objects/network-policy.ts'
import type { Pod } from '@podroute/cluster/objects/pod.ts'
import type { ClusterView } from '@podroute/cluster/state.ts'

/** A rule of a policy, with nodes as their addresses. */
export interface TierRule {
  readonly policy: string
  /** Its place among the policy's rules of that direction, from 0. */
  readonly index: number
  readonly action: ClusterRule['action']
  readonly peers: readonly Peer[] | undefined
  readonly ports: ClusterRule['ports']
}

export type ClusterRules = Pick<ClusterView, 'namespaces' | 'clusterNetworkPolicies' | 'nodes'>

/** Whether nodes are somebody's peers in it. */
export function namesNodes({ egress }: ClusterNetworkPolicy): boolean {
  return egress.some(({ peers }) => peers?.some(({ kind }) => kind === 'nodes'))
}

/** Of one with the same priority as another the name decides. */
export function tierRules(
  tier: Tier,
  direction: Direction,
  pod: Pick<Pod, 'namespace' | 'labels'>,
  { clusterNetworkPolicies, namespaces, nodes }: ClusterRules,
): readonly TierRule[] {
  const labels = namespaces.get(pod.namespace)?.labels
  if (clusterNetworkPolicies.size === 0 || labels === undefined) return []
  const applies = ({ subject }: ClusterNetworkPolicy) =>
    matches(subject.namespaces, labels) && matches(subject.pods, pod.labels)
  return [...clusterNetworkPolicies.values()]
    .filter((policy) => policy.tier === tier && applies(policy))
    .sort((a, b) => a.priority - b.priority || (a.name < b.name ? -1 : 1))
    .flatMap(({ name, [direction]: rules }) =>
      rules.map(({ action, peers, ports }, index) => ({
        ...{ policy: name, index, action, ports },
        peers: peers?.flatMap((peer): readonly Peer[] =>
          peer.kind === 'nodes' ? nodePeers(peer.nodes) : [peer],
        ),
      })),
    )

  function nodePeers(selector: LabelSelector): readonly Peer[] {
    return [...nodes.values()]
      .filter((node) => matches(selector, node.labels))
      .flatMap((node) => node.addresses.flatMap(({ text }): Cidr | readonly Cidr[] => hostCidr(text) ?? []))
      .map((cidr) => ({ kind: 'block', cidr, except: [] }))
  }
}
