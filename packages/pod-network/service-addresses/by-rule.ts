/**
 * What a client from outside meets at the addresses of a Service where another program serves them (kube-proxy): by the rule that
 * podroute's own proxy follows, as far as the API tells. Pure.
 */
import { familyOf } from '@podroute/address/address.ts'
import { backendsOf, choose, type NodeTopology } from '@podroute/cluster/endpoints/choose.ts'
import type { Slice } from '@podroute/cluster/objects/endpoint-slice.ts'
import type { Service, TrafficPolicy } from '@podroute/cluster/objects/service.ts'
import type { AddressKind, Answer, ServedAddress } from '@podroute/feature/served-addresses.ts'

export interface ByRuleFacts extends NodeTopology {
  /** Whether an address is somebody else's: a node's, a router's, the API server's. */
  isTaken(address: string): boolean
  /** Whether Services may have an external address: who may write one could draw traffic to any (CVE-2020-8554). */
  isAllowed(address: string): boolean
}

export function servedByRule(
  service: Service,
  slices: readonly Slice[],
  facts: ByRuleFacts,
): ServedAddress[] {
  const { clusterIPs, externalIPs, ingressIPs, internalPolicy, externalPolicy } = service
  const of = (kind: AddressKind, addresses: readonly string[], policy: TrafficPolicy) =>
    addresses.map((address) => {
      const answer = answerOf(service, slices, { address, policy }, facts)
      return { address, kind, policy, answer }
    })
  const free = (addresses: readonly string[]) => addresses.filter((address) => !facts.isTaken(address))
  return [
    ...of('cluster-ip', clusterIPs, internalPolicy),
    ...of('external-ip', free(externalIPs).filter(facts.isAllowed), externalPolicy),
    ...of('load-balancer-ip', free(ingressIPs), externalPolicy),
  ]
}

/** Of several ports the best one counts. */
function answerOf(
  { ports }: Service,
  slices: readonly Slice[],
  { address, policy }: Pick<ServedAddress, 'address' | 'policy'>,
  node: NodeTopology,
): Answer {
  let leaving = false
  for (const port of ports) {
    const chosen = choose(backendsOf(slices, familyOf(address), port, node.nodeName), policy, node)
    if (chosen.some(({ endpoint }) => endpoint.ready)) return 'serving'
    leaving ||= chosen.length > 0
  }
  return leaving ? 'leaving' : 'none'
}
