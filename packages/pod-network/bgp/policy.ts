/** Import and export policy of the BGP sessions: what each neighbour may tell a node, and what it is told. */

import { width } from '@podroute/address/address.ts'
import type { Cidr } from '@podroute/address/cidr.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { ANNOUNCE_SHUTDOWN } from 'bgp-speaker-ts/policy/graceful-shutdown.ts'
import type { Match, Policy, PrefixMatch, Rule } from 'bgp-speaker-ts/policy/policy.ts'

export const accept = (name: string, match: Match): Rule => ({ name, match, verdict: 'accept' })
export const reject = (name: string, match: Match = {}): Rule => ({ name, match, verdict: 'reject' })

export const within = (prefix: Cidr): PrefixMatch => ({
  prefix: prefix.text,
  minLength: prefix.length,
  maxLength: width(prefix.family),
})

/**
 * A node is believed only about its own pods: the prefix lies in its podCIDRs and the next hop is one of its addresses.
 * Anything else is rejected under the name of what is wrong with it.
 * @param nodes those that have the peer's address: nearly always one
 */
export function meshImport(nodes: readonly ClusterNode[]): Policy {
  const inside = (node: ClusterNode) => node.podCidrs.map(within)
  return {
    rules: [
      ...nodes.map((node) =>
        accept('node', { prefixes: inside(node), nextHops: node.addresses.map((a) => a.text) }),
      ),
      reject('foreign-next-hop', { prefixes: nodes.flatMap(inside) }),
      reject('outside-pod-cidrs'),
    ],
    otherwise: 'reject',
  }
}

/** Kinds of what a node announces, by which export policies tell it apart: tags of announcements, which are never sent. */
export type AnnouncementKind = 'pod-cidr' | 'cluster-ip' | 'external-ip' | 'load-balancer-ip'

/** Only what this node announces itself goes out: nobody carries routes for others. */
const own = (tags: readonly AnnouncementKind[]): Policy => ({
  rules: [accept('own', { sources: ['local'], tags })],
  otherwise: 'reject',
})

/** What other nodes are told: the ranges of the node's pods. They serve the addresses of Services themselves. */
export const EXPORT_OWN = own(['pod-cidr'])

/**
 * What a reflector tells nodes: its own ranges, and what other nodes have told it. Who is sent what of that is a matter of roles
 * (RFC 4456 section 6). Nothing of a router outside is passed on.
 */
export function reflectingExport(routers: readonly string[]): Policy {
  const { rules } = EXPORT_OWN
  const fromRouters = routers.length > 0 ? [reject('router', { neighbours: routers })] : []
  return {
    rules: [...rules, ...fromRouters, accept('reflected', { sources: ['ibgp'] })],
    otherwise: 'reject',
  }
}

export const ALL_KINDS: readonly AnnouncementKind[] = [
  'pod-cidr',
  'cluster-ip',
  'external-ip',
  'load-balancer-ip',
]

/** What routers outside are told: whatever kind of address the node announces. Aggregates are for those that are configured so. */
export const EXPORT_ALL_KINDS = own(ALL_KINDS)

/** The same from a node that is to be left: routers prefer whatever else they have (GRACEFUL_SHUTDOWN, RFC 8326). */
export function lowered(policy: Policy): Policy {
  return { ...policy, rules: [ANNOUNCE_SHUTDOWN, ...policy.rules] }
}

export function isLowered(policy: Policy | undefined): boolean {
  return policy?.rules.includes(ANNOUNCE_SHUTDOWN) === true
}
