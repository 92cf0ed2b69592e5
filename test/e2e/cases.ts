/** Which of upstream's cases run here, which cannot and why, and the short set. */

/** What a pod network and a service proxy have to do: each is a title of upstream's, `[sig-network] TITLE …`. */
export const GROUPS = [
  'Services',
  'Networking',
  'EndpointSlice',
  'Conntrack',
  // Of the checklist beyond those four.
  'Connectivity Pod Lifecycle',
  'HostPort',
  'NoSNAT',
  'Service endpoints latency',
  'Traffic Distribution',
  '[Feature:IPv6DualStack]',
] as const

export interface Impossible {
  readonly pattern: RegExp
  readonly reason: string
}

/** Cases of those groups that this lab cannot run, whatever its service proxy does. */
export const IMPOSSIBLE: readonly Impossible[] = [
  {
    pattern: /\[Feature:Networking-(IPv4|IPv6|DNS)\]/,
    reason: 'goes to the internet: the lab’s network has no way out',
  },
  {
    pattern: /\[Feature:Networking-Performance\]/,
    reason: 'a benchmark: between nodes that share a machine its figures mean nothing',
  },
  {
    pattern: /Networking should recreate its iptables rules/,
    reason: 'deletes kube-proxy’s iptables chains over SSH: podroute has none (its own rules: test/ipvs)',
  },
  {
    pattern: /Networking should check kube-proxy urls/,
    reason: 'asks kube-proxy itself, on its ports 10249 and 10256, for its mode',
  },
  {
    pattern: /Services should work after restarting kube-proxy/,
    reason: 'deletes kube-proxy’s pods, of which there are none (test/cluster ends and replaces the agent)',
  },
  {
    pattern: /Services should work after restarting apiserver/,
    reason: 'deletes the API server’s pod: the lab’s is a process (test/cluster/faults.ts restarts it)',
  },
  {
    pattern: /Services should be rejected for evicted pods/,
    reason:
      'waits for an eviction by ephemeral storage, which kubelets whose disks are memory do not account',
  },
]

/** Some of each kind; about a minute. */
export const SHORT = [
  'EndpointSlice should support a Service with multiple ports specified in multiple EndpointSlices',
  'Services should be able to create a functioning NodePort service',
  'Services should be rejected when no endpoints exist',
]

/** Of network policies: `[sig-network] Netpol …`. */
export const NETPOL = ['Netpol'] as const

/** Of both directions, and of peers in other namespaces. */
export const SHORT_NETPOL = [
  "Netpol NetworkPolicy between server and client should support a 'default-deny-all' policy",
  'Netpol NetworkPolicy between server and client should enforce egress policy allowing traffic to a server in a different namespace based on PodSelector and NamespaceSelector',
]

/** As text that a regular expression takes literally. */
export function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

/** What ginkgo's --focus takes: cases whose names, past `[sig-network]`, begin with one of these titles. */
export function focusOn(titles: readonly string[]): string {
  return `\\[sig-network\\] (${titles.map(literal).join('|')})( |$)`
}

/** Why a case cannot run; undefined when it can. */
export function impossible(name: string): string | undefined {
  return IMPOSSIBLE.find(({ pattern }) => pattern.test(name))?.reason
}
