/**
 * Whether policies let a connection begin, and which of their rules decides: the same that the kernel is given, asked for one connection.
 * Pure.
 */
import { containsAddress } from '@podroute/address/cidr.ts'
import { matches } from '@podroute/cluster/objects/label-selector.ts'
import type { Namespace } from '@podroute/cluster/objects/namespace.ts'
import type { Direction, NetworkPolicy, Peer, PolicyPort } from '@podroute/cluster/objects/network-policy.ts'
import type { Pod } from '@podroute/cluster/objects/pod.ts'
import type { Protocol } from '@podroute/cluster/objects/service.ts'
import { isolating } from '../plan/classes.ts'

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
  /** No policy isolates the pod in this direction. */
  | { readonly kind: 'not-isolated' }
  /** @field rule counts the rules of this direction from 0 */
  | { readonly kind: 'allowed'; readonly policy: string; readonly rule: number }
  /** No rule of the policies that isolate the pod allows it. */
  | { readonly kind: 'denied'; readonly policies: readonly string[] }

export interface Known {
  readonly namespaces: ReadonlyMap<string, Namespace>
  policiesOf(namespace: string): readonly NetworkPolicy[]
}

/** What the policies of one end say: of the server's in the direction ingress, of the client's in egress. */
export function judgeDirection(direction: Direction, connection: Connection, known: Known): Verdict {
  const { pod } = direction === 'ingress' ? connection.to : connection.from
  const chosen = pod ? isolating(known.policiesOf(pod.namespace), pod, direction) : []
  if (chosen.length === 0) return { kind: 'not-isolated' }
  const peer = direction === 'ingress' ? connection.from : connection.to
  for (const policy of chosen)
    for (const [rule, { peers, ports }] of (policy[direction] ?? []).entries()) {
      const isPeer = peers === undefined || peers.some((one) => names(one, peer, policy.namespace, known))
      if (isPeer && (ports === undefined || ports.some((port) => isThrough(port, connection))))
        return { kind: 'allowed', policy: policy.key, rule }
    }
  return { kind: 'denied', policies: chosen.map(({ key }) => key) }
}

/** Why a connection is denied, for people. */
export function noRule(policies: readonly string[]): string {
  return `no rule matched of ${policies.join(', ')}`
}

function names(peer: Peer, { address, pod }: End, namespace: string, { namespaces }: Known): boolean {
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
