/**
 * The checklist of Kubernetes' end-to-end cases that exercise a service proxy, line by line, and where each is shown: tests of this
 * repository by file and title (`checklist.test.ts` sees to it that they exist), and upstream's own cases, which `npm run e2e` runs
 * (test/cluster/upstream.ts sees to it that upstream has them).
 */

export interface ChecklistLine {
  readonly line: string
  /** `cluster/checklist: multiport endpoints`: a file under test/ without its ending, and how a title in it begins. */
  readonly here: readonly string[]
  /** Beginnings of titles after `[sig-network] `. */
  readonly upstream: readonly string[]
}

const CHECKS = 'Networking Granular Checks:'
const line = (text: string, here: readonly string[], upstream: readonly string[] = []): ChecklistLine => ({
  ...{ line: text, here, upstream },
})

/** [C]: part of conformance. */
export const CHECKLIST: readonly ChecklistLine[] = [
  line(
    'Services [C]: basic endpoint from pods',
    ['cluster/walk-through: goes round robin from a pod', 'ipvs/traffic: follows endpoints that come and go'],
    ['Services should serve a basic endpoint from pods'],
  ),
  line(
    'Services [C]: multiport endpoints',
    ['cluster/checklist: multiport endpoints'],
    ['Services should serve multiport endpoints from pods'],
  ),
  line(
    'Services [C]: same port and different protocols',
    [
      'cluster/checklist: same port and different protocols',
      'ipvs/traffic: serves UDP beside TCP on the same port',
    ],
    ['Services should serve endpoints on same port and different protocols'],
  ),
  line(
    'Services [C]: functioning NodePort on each node',
    ['cluster/walk-through: answers on its NodePort of every node from outside'],
    ['Services should be able to create a functioning NodePort service'],
  ),
  line(
    'Services [C]: ExternalName <-> ClusterIP and NodePort',
    ['cluster/checklist: ExternalName to ClusterIP to NodePort and back'],
    [
      'Services should be able to change the type from ExternalName to ClusterIP',
      'Services should be able to change the type from ExternalName to NodePort',
      'Services should be able to change the type from ClusterIP to ExternalName',
      'Services should be able to change the type from NodePort to ExternalName',
    ],
  ),
  line(
    'Services [C]: session affinity works and can be switched, ClusterIP and NodePort',
    [
      'cluster/checklist: session affinity works for ClusterIP and NodePort, and can be switched',
      'ipvs/policies: session affinity keeps a client at its endpoint',
    ],
    [
      'Services should have session affinity work for service with type clusterIP',
      'Services should have session affinity work for NodePort service',
      'Services should be able to switch session affinity for service with type clusterIP',
      'Services should be able to switch session affinity for NodePort service',
    ],
  ),
  line(
    'Services [C]: endpoints latency p50 < 20 s, p90 < 50 s',
    [],
    ['Service endpoints latency should not be very high'],
  ),
  line(
    'EndpointSlice [C]: multiple ports and multiple IPs in multiple slices',
    ['cluster/checklist: multiple ports and multiple IPs in multiple EndpointSlices'],
    [
      'EndpointSlice should support a Service with multiple ports specified in multiple EndpointSlices',
      'EndpointSlice should support a Service with multiple endpoint IPs specified in multiple EndpointSlices',
    ],
  ),
  line(
    'Networking [C]: pod to pod and node to pod, http and udp, all to all',
    ['cluster/walk-through: reach each other across nodes with their own addresses, both families'],
    [
      `${CHECKS} Pods should function for intra-pod communication: http`,
      `${CHECKS} Pods should function for intra-pod communication: udp`,
      `${CHECKS} Pods should function for node-pod communication: http`,
      `${CHECKS} Pods should function for node-pod communication: udp`,
    ],
  ),
  line(
    'Networking [C]: HostPort with the same port, different hostIP and protocol',
    ['cluster/walk-through: are reached by their hostPort on the node, both families'],
    ['HostPort validates that there is no conflict between pods with same hostPort'],
  ),
  line(
    'pod-, node- and endpoint-Service http, udp, sctp reach every endpoint',
    [
      'cluster/walk-through: goes round robin from a node',
      'cluster/checklist: same port and different protocols',
      'ipvs/policies: serves SCTP, IPv4 and IPv6',
    ],
    ['pod', 'node', 'endpoint'].flatMap((from) =>
      ['http', 'udp', 'sctp'].map(
        (protocol) => `${CHECKS} Services should function for ${from}-Service: ${protocol}`,
      ),
    ),
  ),
  line(
    'update endpoints and nodePort',
    [
      'cluster/checklist: ExternalName to ClusterIP to NodePort and back',
      'cluster/faults: is replaced in the Service by its successor',
    ],
    [
      `${CHECKS} Services should update endpoints: http`,
      `${CHECKS} Services should update endpoints: udp`,
      `${CHECKS} Services should update nodePort: http`,
      `${CHECKS} Services should update nodePort: udp`,
    ],
  ),
  line(
    'client-IP affinity http and udp',
    [
      'ipvs/policies: session affinity shorter than TIME_WAIT holds',
      'netns/service-affinity: goes back to its endpoint, each protocol',
    ],
    [
      `${CHECKS} Services should function for client IP based session affinity: http`,
      `${CHECKS} Services should function for client IP based session affinity: udp`,
    ],
  ),
  line(
    'large requests (MTU)',
    ['cluster/checklist: large requests (MTU)'],
    [
      `${CHECKS} Services should be able to handle large requests: http`,
      `${CHECKS} Services should be able to handle large requests: udp`,
    ],
  ),
  line(
    'endpoints using hostNetwork',
    [
      'cluster/checklist: endpoints using hostNetwork',
      'ipvs/traffic: reaches endpoints on the host network of this node',
    ],
    [`${CHECKS} Services should function for service endpoints using hostNetwork`],
  ),
  line(
    'several services with one selector',
    ['cluster/checklist: multiport endpoints'],
    [`${CHECKS} Services should function for multiple endpoint-Services with same selector`],
  ),
  line(
    'hairpin',
    [
      'cluster/walk-through: lets a pod reach itself',
      'ipvs/traffic: lets a pod reach itself through its Service',
    ],
    ['Services should allow pods to hairpin back to themselves through services'],
  ),
  line(
    'source pod IP kept through a ClusterIP',
    ['cluster/walk-through: goes round robin from a pod, which keeps its own address'],
    ['Services should preserve source pod IP for traffic thru service cluster IP'],
  ),
  line(
    'up and down',
    ['ipvs/traffic: follows endpoints that come and go'],
    [
      'Services should be able to up and down services',
      'Services should work after the service has been recreated',
    ],
  ),
  line('VIPs survive restarts of the proxy and of the API server', [
    'cluster/restart: an agent that is killed (SIGKILL) loses none',
    'ipvs/agent: killed (SIGKILL)',
    'cluster/faults: changes nothing in the kernel, and is found again',
  ]),
  line(
    'externalIP that is not assigned to a node',
    ['ipvs/policies: externalIPs inside the allowed ranges answer'],
    [
      'Services should be possible to connect to a service via ExternalIP when the external IP is not assigned to a node',
    ],
  ),
  line(
    'rejected when no endpoints: refused, not timed out',
    ['cluster/checklist: rejected when no endpoints', 'ipvs/traffic: refuses at once where no endpoint is'],
    ['Services should be rejected when no endpoints exist'],
  ),
  // Upstream's case needs an eviction that these nodes cannot do (e2e/cases.ts); to the proxy it is a slice without endpoints.
  line('rejected for evicted pods', [
    'ipvs/traffic: refuses at once where no endpoint is, for every kind of address',
  ]),
  line(
    'ports added and removed',
    ['cluster/checklist: ports added and removed'],
    ['Services should be updated after adding or deleting ports'],
  ),
  line(
    'NodePort: same port, different protocols',
    ['cluster/checklist: same port and different protocols; NodePort same port, different protocols'],
    [
      'Services should be able to update service type to NodePort listening on same port number but different protocols',
    ],
  ),
  line(
    'publishNotReadyAddresses',
    ['cluster/checklist: publishNotReadyAddresses'],
    [
      'Services should create endpoints for unready pods',
      'Services should be able to connect to terminating and unready endpoints if PublishNotReadyAddresses is true',
      'Services should not be able to connect to terminating and unready endpoints if PublishNotReadyAddresses is false',
    ],
  ),
  line(
    'affinity time-out',
    ['ipvs/policies: session affinity shorter than TIME_WAIT holds, moves on with its endpoint, and expires'],
    [
      'Services should have session affinity timeout work for service with type clusterIP',
      'Services should have session affinity timeout work for NodePort service',
    ],
  ),
  line(
    'headless and service-proxy-name labels',
    [
      'cluster/checklist: service-proxy-name labels',
      'packages/service-proxy/proxy: serves no Service that is headless or labelled so',
    ],
    [
      'Services should implement service.kubernetes.io/service-proxy-name',
      'Services should implement service.kubernetes.io/headless',
    ],
  ),
  line(
    'internalTrafficPolicy Local: pod to pod, host to pod, pod and node to host',
    [
      'cluster/checklist: internalTrafficPolicy Local',
      'ipvs/policies: internalTrafficPolicy Local stays on the node, or gets no answer',
    ],
    [
      'Services should respect internalTrafficPolicy=Local Pod to Pod',
      'Services should respect internalTrafficPolicy=Local Pod (hostNetwork: true) to Pod',
      'Services should respect internalTrafficPolicy=Local Pod and Node, to Pod (hostNetwork: true)',
    ],
  ),
  line(
    'fall back to terminating endpoints, internal and external, Cluster and Local',
    ['ipvs/policies: falls back to endpoints of this node that still serve'],
    [
      'Services should fallback to local terminating endpoints when there are no ready endpoints with externalTrafficPolicy=Local',
      'Services should fallback to local terminating endpoints when there are no ready endpoints with internalTrafficPolicy=Local',
      'Services should fallback to terminating endpoints when there are no ready endpoints with externallTrafficPolicy=Cluster',
      'Services should fallback to terminating endpoints when there are no ready endpoints with internalTrafficPolicy=Cluster',
    ],
  ),
  line(
    'health-check node port fails when only terminating endpoints are left',
    ['ipvs/policies: falls back to endpoints of this node that still serve'],
    ['Services should fail health check node port if there are only terminating endpoints'],
  ),
  line(
    'NodePort and health check when the policy changes',
    ['ipvs/policies: answers the health check of the load balancer'],
    [
      'Services should implement NodePort and HealthCheckNodePort correctly when ExternalTrafficPolicy changes',
    ],
  ),
  line(
    'UDP conntrack when the server pod cycles; stale entries cleared',
    ['ipvs/policies: a UDP client is led to another endpoint at once when its own goes'],
    [
      'Conntrack should be able to preserve UDP traffic when server pod cycles for a ClusterIP service',
      'Conntrack should be able to preserve UDP traffic when server pod cycles for a NodePort service',
      'Conntrack should be able to preserve UDP traffic when initial unready endpoints get ready',
      'Conntrack should be able to cleanup conntrack entries when UDP service target port changes for a NodePort service',
    ],
  ),
  line(
    'INVALID packets dropped, no reset',
    [],
    ['Conntrack proxy implementation should not be vulnerable to the invalid conntrack state bug'],
  ),
  line(
    'load balancer keeps the source IP with Local, only nodes with endpoints answer, pods are short-circuited',
    [
      'cluster/checklist: externalTrafficPolicy Local keeps the source IP, and only nodes with endpoints answer',
      'ipvs/policies: gives clients outside the endpoints of this node, which see their address',
      'ipvs/policies: gives pods and the node all endpoints',
    ],
    ['Services should support externalTrafficPolicy=Local for type=NodePort'],
  ),
  line('source ranges', [
    'ipvs/policies: loadBalancerSourceRanges hold for the address of the load balancer',
  ]),
  line(
    'rolling update with no disruption, Cluster and Local',
    ['ipvs/rolling: 20 rolling updates of all pods lose no request'],
    ['Connectivity Pod Lifecycle should be able to have zero downtime on a Blue Green deployment'],
  ),
  line(
    'PreferClose, PreferSameZone and PreferSameNode stay there',
    [
      'ipvs/policies: topology hints keep traffic in the zone',
      'packages/service-proxy/plan/plan: for nodes come first',
    ],
    [
      'Traffic Distribution should route traffic to an endpoint in the same zone when using PreferClose',
      'Traffic Distribution should route traffic to an endpoint in the same zone when using PreferSameZone',
      'Traffic Distribution should route traffic to an endpoint on the same node or fall back to same zone when using PreferSameNode',
    ],
  ),
  line(
    'dual stack on the second family',
    [
      'cluster/checklist: dual-stack on the second family',
      'ipvs/traffic: works in IPv6 from pods and from the node',
    ],
    [
      '[Feature:IPv6DualStack] Granular Checks: Services Secondary IP Family [LinuxOnly] should function for pod-Service: http',
      '[Feature:IPv6DualStack] Granular Checks: Services Secondary IP Family [LinuxOnly] should function for node-Service: udp',
    ],
  ),
  line(
    'connectivity to and from a terminating pod',
    ['ipvs/policies: a connection outlives its endpoint’s place in the Service, and new ones go elsewhere'],
    [
      'Connectivity Pod Lifecycle should be able to connect from a Pod to a terminating Pod',
      'Connectivity Pod Lifecycle should be able to connect to other Pod from a terminating Pod',
    ],
  ),
]
