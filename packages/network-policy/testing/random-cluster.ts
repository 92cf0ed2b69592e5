/** Random clusters, and random changes of them, by a seed. Few names and values, so that selectors meet pods and pods share addresses' ranges. */
import { pick } from '@podroute/reconcile/testing/random.ts'
import type { ModelClusterPolicy, ModelPod, ModelPolicy } from './model.ts'

type Random = () => number

export const NODES = ['node-1', 'node-2']
const NAMESPACES = ['shop', 'bank', 'jobs']
const LABELS: Readonly<Record<string, readonly string[]>> = { app: ['a', 'b', 'c'], tier: ['x', 'y'] }
const NAMESPACE_LABELS: Readonly<Record<string, readonly string[]>> = {
  team: ['red', 'blue'],
  env: ['prod', ''],
}
export const PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const
export const PORTS = [79, 80, 81, 8080]
/** One address of each family that is no pod's. */
export const OUTSIDE = ['203.0.113.5', '2001:db8::5']
const BLOCKS = [
  '0.0.0.0/0',
  '::/0',
  '10.244.0.0/16',
  '10.244.1.0/24',
  '10.244.1.0/29',
  '10.244.1.2/32',
  '10.244.2.3/31',
  '203.0.113.0/24',
  'fd10:244::/32',
  'fd10:244:0:1::/64',
  'fd10:244:0:1::4/126',
  '2001:db8::/32',
]

export interface MutableCluster {
  pods: ModelPod[]
  namespaces: Record<string, Readonly<Record<string, string>>>
  policies: ModelPolicy[]
  clusterPolicies: ModelClusterPolicy[]
}

export interface ClusterSize {
  readonly pods: number
  readonly policies: number
  /** Absent: none. */
  readonly clusterPolicies?: number
}

/** What changed: the objects of that key are to be told. */
export type RandomChange =
  | { readonly kind: 'pod'; readonly before: ModelPod | undefined; readonly after: ModelPod | undefined }
  | {
      readonly kind: 'policy'
      readonly before: ModelPolicy | undefined
      readonly after: ModelPolicy | undefined
    }
  | { readonly kind: 'namespace'; readonly name: string }
  | { readonly kind: 'cluster-policy'; readonly after: ModelClusterPolicy }

export function randomCluster(random: Random, size: ClusterSize): MutableCluster {
  const namespaces = Object.fromEntries(NAMESPACES.map((name) => [name, labels(random, NAMESPACE_LABELS)]))
  return {
    namespaces,
    pods: Array.from({ length: size.pods }, (_, index) => randomPod(random, index)),
    policies: Array.from({ length: size.policies }, (_, index) => randomPolicy(random, `p${index}`)),
    clusterPolicies: Array.from({ length: size.clusterPolicies ?? 0 }, (_, index) =>
      randomClusterPolicy(random, index),
    ),
  }
}

/** Changes one object; how many there are stays about the same. */
export function randomChange(random: Random, cluster: MutableCluster): RandomChange {
  const dice = random()
  if (dice < 0.15) {
    const name = pick(random, NAMESPACES)
    cluster.namespaces[name] = labels(random, NAMESPACE_LABELS)
    return { kind: 'namespace', name }
  }
  if (dice < 0.35 && cluster.clusterPolicies.length > 0) {
    const index = Math.floor(random() * cluster.clusterPolicies.length)
    const after = randomClusterPolicy(random, index)
    cluster.clusterPolicies[index] = after
    return { kind: 'cluster-policy', after }
  }
  if (dice < 0.55) {
    const index = Math.floor(random() * cluster.policies.length)
    const before = cluster.policies[index]!
    const after = randomPolicy(random, before.name, before.namespace)
    cluster.policies[index] = after
    return { kind: 'policy', before, after }
  }
  const index = Math.floor(random() * cluster.pods.length)
  const before = cluster.pods[index]!
  const fresh = randomPod(random, index)
  const { name, namespace } = before
  // Of a pod only its labels change; or it goes, and another one has its place and its addresses.
  const after = dice < 0.8 ? { ...before, labels: fresh.labels } : fresh
  cluster.pods[index] = after
  if (after.name === name && after.namespace === namespace) return { kind: 'pod', before, after }
  return { kind: 'pod', before, after }
}

function randomPod(random: Random, index: number): ModelPod {
  const node = index % 3 === 2 ? 'node-2' : 'node-1'
  const subnet = node === 'node-1' ? 1 : 2
  const both = [`10.244.${subnet}.${index + 2}`, `fd10:244:0:${subnet}::${(index + 2).toString(16)}`]
  return {
    namespace: pick(random, NAMESPACES),
    name: `pod-${index}-${Math.floor(random() * 1000)}`,
    labels: labels(random, LABELS),
    addresses: both,
    node,
    ports:
      random() < 0.6
        ? [{ name: 'web', protocol: pick(random, PROTOCOLS), containerPort: pick(random, PORTS) }]
        : [],
  }
}

/** No two have the same priority. */
function randomClusterPolicy(random: Random, index: number): ModelClusterPolicy {
  const both = () => ({
    namespaceSelector: selector(random, NAMESPACE_LABELS),
    podSelector: selector(random, LABELS),
  })
  const subject = random() < 0.5 ? { namespaces: selector(random, NAMESPACE_LABELS) } : { pods: both() }
  const peer = () => {
    const dice = random()
    if (dice < 0.4) return { namespaces: selector(random, NAMESPACE_LABELS) }
    return { pods: both() }
  }
  const outside = () =>
    random() < 0.4 ? { networks: BLOCKS.filter(() => random() < 0.25).concat(pick(random, BLOCKS)) } : peer()
  const protocol = () => {
    if (random() < 0.2) return { destinationNamedPort: 'web' }
    const number = pick(random, PORTS)
    const port = random() < 0.6 ? { number } : { range: { start: number, end: number + 1 } }
    return { [pick(random, ['tcp', 'udp', 'sctp'])]: random() < 0.3 ? {} : { destinationPort: port } }
  }
  const some = <T>(make: () => T, least: number) =>
    Array.from({ length: least + Math.floor(random() * 2) }, make)
  const rule = () => ({
    action: pick(random, ['Accept', 'Deny', 'Pass'] as const),
    ...(random() < 0.6 && { protocols: some(protocol, 1) }),
  })
  return {
    name: `c${index}`,
    spec: {
      tier: pick(random, ['Admin', 'Baseline'] as const),
      priority: index * 10 + Math.floor(random() * 10),
      subject,
      ingress: Array.from({ length: Math.floor(random() * 4) }, () => ({ ...rule(), from: some(peer, 1) })),
      egress: Array.from({ length: Math.floor(random() * 4) }, () => ({ ...rule(), to: some(outside, 1) })),
    },
  }
}

function randomPolicy(random: Random, name: string, namespace = pick(random, NAMESPACES)): ModelPolicy {
  const types = pick(random, [undefined, ['Ingress'], ['Egress'], ['Ingress', 'Egress']])
  const rules = () => Array.from({ length: Math.floor(random() * 3) }, () => randomRule(random))
  return {
    ...{ namespace, name },
    spec: {
      podSelector: selector(random, LABELS),
      ...(types && { policyTypes: types }),
      ...(random() < 0.8 && { ingress: rules().map(({ peers, ports }) => ({ from: peers, ports })) }),
      ...(random() < 0.6 && { egress: rules().map(({ peers, ports }) => ({ to: peers, ports })) }),
    },
  }
}

function randomRule(random: Random) {
  const peers = Array.from({ length: Math.floor(random() * 3) }, () => randomPeer(random))
  const ports = Array.from({ length: Math.floor(random() * 3) }, () => randomPort(random))
  return { peers, ports }
}

function randomPeer(random: Random) {
  if (random() < 0.35) {
    const cidr = pick(random, BLOCKS)
    const holes = BLOCKS.filter((block) => block.includes(':') === cidr.includes(':') && random() < 0.2)
    return { ipBlock: { cidr, ...(holes.length > 0 && { except: holes }) } }
  }
  const namespaces = random() < 0.6 ? { namespaceSelector: selector(random, NAMESPACE_LABELS) } : {}
  const pods = { podSelector: selector(random, LABELS) }
  return random() < 0.3 && 'namespaceSelector' in namespaces ? namespaces : { ...namespaces, ...pods }
}

function randomPort(random: Random) {
  const protocol = random() < 0.7 ? { protocol: pick(random, PROTOCOLS) } : {}
  const dice = random()
  if (dice < 0.2) return protocol
  if (dice < 0.45) return { ...protocol, port: 'web' }
  const port = pick(random, PORTS)
  return { ...protocol, port, ...(random() < 0.3 && { endPort: port + Math.floor(random() * 3) }) }
}

function selector(random: Random, from: Readonly<Record<string, readonly string[]>>) {
  const [key, values] = pick(random, Object.entries(from))
  const dice = random()
  if (dice < 0.3) return {}
  if (dice < 0.6) return { matchLabels: { [key]: pick(random, values) } }
  const operator = pick(random, ['In', 'NotIn', 'Exists', 'DoesNotExist'])
  const named =
    operator === 'In' || operator === 'NotIn' ? { values: values.filter(() => random() < 0.6) } : {}
  return { matchExpressions: [{ key, operator, ...named }] }
}

function labels(random: Random, from: Readonly<Record<string, readonly string[]>>): Record<string, string> {
  const chosen = Object.entries(from).filter(() => random() < 0.7)
  return Object.fromEntries(chosen.map(([key, values]) => [key, pick(random, values)]))
}
