/** Which rule of which policy decides about a connection, also with policies that are not applied yet. Pure. */
import { canonicalAddress } from '@podroute/address/address.ts'
import type {
  ClusterNetworkPolicy,
  ClusterNetworkPolicyObject,
} from '@podroute/cluster/objects/cluster-network-policy.ts'
import type {
  Direction,
  NetworkPolicy,
  NetworkPolicyObject,
} from '@podroute/cluster/objects/network-policy.ts'
import { parseClusterNetworkPolicy } from '@podroute/cluster/objects/parse-cluster-network-policy.ts'
import { parseNetworkPolicy } from '@podroute/cluster/objects/parse-network-policy.ts'
import type { Pod } from '@podroute/cluster/objects/pod.ts'
import { problemText } from '@podroute/cluster/objects/problem.ts'
import type { Protocol } from '@podroute/cluster/objects/service.ts'
import type { ClusterView } from '@podroute/cluster/state.ts'
import { NetworkPolicyError } from '../errors.ts'
import { type End, isAllowed, judgeDirection, type Verdict, verdictText } from './judge.ts'

export interface Question {
  /** `namespace/name`, or an address. */
  readonly to: string
  /** `80`, `53/udp`, or the name of one of the pod's ports. */
  readonly port: string
  readonly from: string
  /** Objects of NetworkPolicies that count as applied. */
  readonly policies: readonly unknown[]
}

export interface Decision {
  readonly direction: Direction
  /** The node of whose pod it is; empty: nobody decides. */
  readonly node: string
  readonly allowed: boolean
  readonly reason: string
}

export interface Explanation {
  readonly from: string
  readonly to: string
  readonly protocol: Protocol
  readonly port: number
  readonly allowed: boolean
  readonly decisions: readonly Decision[]
  /** What of the policies that are not applied yet cannot be used. */
  readonly problems: readonly string[]
}

type Cluster = Pick<
  ClusterView,
  'pods' | 'namespaces' | 'networkPolicies' | 'clusterNetworkPolicies' | 'nodes'
>

/** @throws NetworkPolicyError QUESTION */
export function explain(question: Question, cluster: Cluster): Explanation {
  const [from, to] = [endOf(question.from, cluster), endOf(question.to, cluster)]
  const { protocol, port } = portOf(question.port, to.pod)
  const added = question.policies.map(policyOf)
  const policies = new Map(cluster.networkPolicies)
  const clusterPolicies = new Map(cluster.clusterNetworkPolicies)
  for (const policy of added)
    if ('key' in policy) policies.set(policy.key, policy)
    else clusterPolicies.set(policy.name, policy)
  const known = {
    cluster: { ...pickCluster(cluster), clusterNetworkPolicies: clusterPolicies },
    policiesOf: (namespace: string) =>
      [...policies.values()].filter((policy) => policy.namespace === namespace),
  }
  const connection = { from, to, protocol, port }
  const decide = (direction: Direction): Decision => {
    const { pod } = direction === 'egress' ? from : to
    const verdict = judgeDirection(direction, connection, known)
    return {
      ...{ direction, node: pod?.node ?? '', allowed: isAllowed(verdict) },
      reason: reasonOf(verdict, direction, pod),
    }
  }
  const decisions = [decide('egress'), decide('ingress')]
  return {
    ...{ from: nameOf(from), to: nameOf(to), protocol, port, decisions },
    allowed: decisions.every(({ allowed }) => allowed),
    problems: added.flatMap((policy) =>
      policy.problems.map(
        (problem) => `${'key' in policy ? policy.key : policy.name}: ${problemText(problem)}`,
      ),
    ),
  }
}

function reasonOf(verdict: Verdict, direction: Direction, pod: Pod | undefined): string {
  if (pod === undefined) return 'no pod that policies select'
  if (verdict.kind === 'not-isolated') return `no policy isolates ${pod.key}`
  return verdictText(verdict, direction)
}

function nameOf({ address, pod }: End): string {
  return pod?.key ?? address
}

function endOf(text: string, { pods }: Cluster): End {
  const address = canonicalAddress(text)
  if (address !== undefined)
    return { address, pod: [...pods.values()].find((pod) => pod.addresses.includes(address)) }
  const pod = pods.get(text)
  if (!pod)
    throw wrong(
      `no pod ${text} with an address of its own is known: name it namespace/name, or give an address`,
    )
  return { address: pod.addresses[0] ?? '', pod }
}

function portOf(text: string, pod: Pod | undefined): { protocol: Protocol; port: number } {
  const [first = '', second = 'tcp'] = text.toLowerCase().split('/')
  const named = pod?.ports.find(({ name }) => name === first)
  if (named) return { protocol: named.protocol, port: named.port }
  const port = Number(first)
  if (!Number.isInteger(port) || port < 1 || port > 65_535 || !['tcp', 'udp', 'sctp'].includes(second))
    throw wrong(`not a port: ${text}: give 80, 53/udp, or the name of a port of the pod`)
  return { protocol: second as Protocol, port }
}

function pickCluster({ namespaces, nodes }: Cluster): Pick<Cluster, 'namespaces' | 'nodes'> {
  return { namespaces, nodes }
}

function policyOf(object: unknown): NetworkPolicy | ClusterNetworkPolicy {
  const { kind, metadata } = (object ?? {}) as {
    kind?: unknown
    metadata?: { name?: string; namespace?: string }
  }
  if (kind === 'ClusterNetworkPolicy')
    return parseClusterNetworkPolicy(object as ClusterNetworkPolicyObject, metadata?.name ?? 'unnamed')
  if (kind !== 'NetworkPolicy') throw wrong(`not a NetworkPolicy: kind is ${JSON.stringify(kind)}`)
  return parseNetworkPolicy(
    object as NetworkPolicyObject,
    `${metadata?.namespace ?? 'default'}/${metadata?.name ?? 'unnamed'}`,
  )
}

function wrong(message: string): NetworkPolicyError {
  return new NetworkPolicyError('QUESTION', message)
}
