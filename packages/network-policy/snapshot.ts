/** Which policies judge the pods of this node, as pages show it. Pure. */
import type { NetworkPolicy } from '@podroute/cluster/objects/network-policy.ts'
import { problemText } from '@podroute/cluster/objects/problem.ts'
import type { ClusterView } from '@podroute/cluster/state.ts'
import type { Status } from '@podroute/reconcile/status.ts'
import { isolating } from './plan/classes.ts'
import { tierRules } from './plan/cluster-rules.ts'

export interface PodPolicies {
  readonly pod: string
  readonly addresses: readonly string[]
  /** Names of those of its namespace that isolate it; none: everything is let in. */
  readonly ingress: readonly string[]
  readonly egress: readonly string[]
  readonly state: Status['state']
  readonly reasons: readonly string[]
}

export interface PolicyProblem {
  readonly policy: string
  readonly problem: string
}

export interface PolicyReport {
  readonly pods: readonly PodPolicies[]
  readonly problems: readonly PolicyProblem[]
}

export function policyReport(
  cluster: Pick<ClusterView, 'pods' | 'networkPolicies' | 'clusterNetworkPolicies' | 'namespaces' | 'nodes'>,
  nodeName: string,
  statusOf: (pod: string) => Status | undefined,
): PolicyReport {
  const policies = Map.groupBy(cluster.networkPolicies.values(), ({ namespace }) => namespace)
  const local = [...cluster.pods.values()].filter(({ node }) => node === nodeName)
  const pods = local.map((pod): PodPolicies => {
    const own = policies.get(pod.namespace) ?? []
    const names = (direction: 'ingress' | 'egress') => {
      const tier = (name: 'admin' | 'baseline') =>
        tierRules(name, direction, pod, cluster).map(({ policy }) => `${name}/${policy}`)
      const isolatingNames = isolating(own, pod, direction).map(({ name }) => name)
      return [...new Set([...tier('admin'), ...isolatingNames, ...tier('baseline')])]
    }
    const { state = 'pending', reasons = [] } = statusOf(pod.key) ?? {}
    const { key, addresses } = pod
    return { pod: key, addresses, ingress: names('ingress'), egress: names('egress'), state, reasons }
  })
  return {
    pods: pods.sort((a, b) => (a.pod < b.pod ? -1 : 1)),
    problems: [
      ...[...cluster.networkPolicies.values()].flatMap(problemsOf),
      ...[...cluster.clusterNetworkPolicies.values()].flatMap((policy) =>
        problemsOf({ ...policy, key: policy.name }),
      ),
    ],
  }
}

function problemsOf({ key, problems }: Pick<NetworkPolicy, 'key' | 'problems'>): PolicyProblem[] {
  return problems.map((problem) => ({ policy: key, problem: problemText(problem) }))
}
