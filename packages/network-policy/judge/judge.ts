/**
 * Whether policies let a connection begin, and which of their rules decides: the same that the kernel is given, asked for one connection.
 * Pure.
 */
import { containsAddress } from '@podroute/address/cidr.ts'
import type { Tier } from '@podroute/cluster/objects/cluster-network-policy.ts'
import { matches } from '@podroute/cluster/objects/label-selector.ts'
import type {
  Direction,
  NetworkPolicy,
  Peer,
  PolicyPort,
  PolicyRule,
} from '@podroute/cluster/objects/network-policy.ts'
import type { Pod } from '@podroute/cluster/objects/pod.ts'
import type { Protocol } from '@podroute/cluster/objects/service.ts'
import { isolating } from '../plan/classes.ts'
import { type ClusterRules, tierRules } from '../plan/cluster-rules.ts'

export interface End {
  readonly address: string
  /** Whose address it is; undefined: nobody's that policies know. */
  readonly pod: Pod | undefined
}

/** Its first packet, behind Services: to an endpoint, from the client itself. */
export interface Connection {
  readonly from: End
  readonly to: End
  readonly protocol: Protocol
  readonly port: number
}

export type Verdict =
  /** No policy says anything of it. */
  | { readonly kind: 'not-isolated' }
  /** No NetworkPolicy denies a pod to itself. */
  | { readonly kind: 'self' }
  /** @field rule counts the rules of this direction from 0 */
  | { readonly kind: 'allowed'; readonly policy: string; readonly rule: number }
  /** No rule of the NetworkPolicies that isolate the pod allows it. */
  | { readonly kind: 'denied'; readonly policies: readonly string[] }
  /** A rule of a ClusterNetworkPolicy denies it. */
  | { readonly kind: 'refused'; readonly policy: string; readonly rule: number }

export interface Known {
  readonly cluster: ClusterRules
  policiesOf(namespace: string): readonly NetworkPolicy[]
}

export function isAllowed({ kind }: Verdict): boolean {
  return kind !== 'denied' && kind !== 'refused'
}

/** What the policies of one end say: of the server's in the direction ingress, of the client's in egress. */
export function judgeDirection(direction: Direction, connection: Connection, known: Known): Verdict {
  const { pod } = direction === 'ingress' ? connection.to : connection.from
  if (!pod) return { kind: 'not-isolated' }
  const peer = direction === 'ingress' ? connection.from : connection.to
  const fits = ({ peers, ports }: PolicyRule, namespace: string) =>
    (peers === undefined || peers.some((one) => names(one, peer, namespace, known.cluster))) &&
    (ports === undefined || ports.some((port) => isThrough(port, connection)))
  const ask = (tier: Tier): Verdict | undefined => {
    const rule = tierRules(tier, direction, pod, known.cluster).find((one) => fits(one, ''))
    if (!rule || rule.action === 'pass') return undefined
    return { kind: rule.action === 'deny' ? 'refused' : 'allowed', policy: rule.policy, rule: rule.index }
  }
  const own = (): Verdict | undefined => {
    const chosen = isolating(known.policiesOf(pod.namespace), pod, direction)
    if (chosen.length === 0) return undefined
    if (connection.from.address === connection.to.address) return { kind: 'self' }
    for (const policy of chosen)
      for (const [rule, one] of (policy[direction] ?? []).entries())
        if (fits(one, policy.namespace)) return { kind: 'allowed', policy: policy.key, rule }
    return { kind: 'denied', policies: chosen.map(({ key }) => key) }
  }
  return ask('admin') ?? own() ?? ask('baseline') ?? { kind: 'not-isolated' }
}

/** What decides, for people. */
export function verdictText(verdict: Verdict, direction: Direction): string {
  switch (verdict.kind) {
    case 'allowed':
    case 'refused':
      return `${verdict.policy} spec.${direction}[${verdict.rule}]`
    case 'denied':
      return `no rule matched of ${verdict.policies.join(', ')}`
    case 'self':
      return 'no NetworkPolicy denies a pod to itself'
    case 'not-isolated':
      return 'no policy'
  }
}

function names(
  peer: Peer,
  { address, pod }: End,
  namespace: string,
  { namespaces }: Pick<ClusterRules, 'namespaces'>,
): boolean {
  if (peer.kind === 'block')
    return (
      containsAddress(peer.cidr, address) && !peer.except.some((except) => containsAddress(except, address))
    )
  if (!pod || !matches(peer.pods, pod.labels)) return false
  if (peer.namespaces === undefined) return pod.namespace === namespace
  const labels = namespaces.get(pod.namespace)?.labels
  return labels !== undefined && matches(peer.namespaces, labels)
}

/** A name is that of a port of the pod that is connected to. */
function isThrough(wanted: PolicyPort, { to, protocol, port }: Connection): boolean {
  if (wanted.protocol !== protocol) return false
  if (wanted.kind === 'numbers') return port >= wanted.first && port <= wanted.last
  const named = to.pod?.ports.filter((own) => own.name === wanted.name && own.protocol === protocol) ?? []
  return named.some((own) => own.port === port)
}
