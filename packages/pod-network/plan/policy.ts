/** Import and export policy of the BGP sessions: what each neighbour may tell a node, and what it is told. */

import { width } from '@podroute/address/address.ts'
import type { Cidr } from '@podroute/address/cidr.ts'
import type { Match, Policy, PrefixMatch, Rule } from 'bgp-speaker-ts/policy/policy.ts'
import type { ClusterNode } from './node.ts'

const accept = (name: string, match: Match): Rule => ({ name, match, verdict: 'accept' })
const reject = (name: string, match: Match = {}): Rule => ({ name, match, verdict: 'reject' })

const within = (prefix: Cidr): PrefixMatch => ({
  prefix: prefix.text,
  minLength: prefix.length,
  maxLength: width(prefix.family),
})

/**
 * A node is believed only about its own pods: the prefix lies in its podCIDRs and the next hop is one of its addresses.
 * Anything else is rejected under the name of what is wrong with it.
 */
export function meshImport(node: ClusterNode): Policy {
  const inside: Match = { prefixes: node.podCidrs.map(within) }
  return {
    rules: [
      accept('node', { ...inside, nextHops: node.addresses.map((a) => a.text) }),
      reject('foreign-next-hop', inside),
      reject('outside-pod-cidrs'),
    ],
    otherwise: 'reject',
  }
}

/** Only what this node announces itself goes out: nobody carries routes for others. */
export const EXPORT_OWN: Policy = {
  rules: [accept('own', { sources: ['local'] })],
  otherwise: 'reject',
}

/** What an outside router may never take over: the default route, pods, nodes. */
export function externalImport(nodes: Iterable<ClusterNode>, acceptRoutes: boolean): Policy {
  if (!acceptRoutes) return { rules: [reject('not-accepted')], otherwise: 'reject' }
  const pods: PrefixMatch[] = []
  const addresses: PrefixMatch[] = []
  for (const node of nodes) {
    pods.push(...node.podCidrs.map(within))
    addresses.push(...node.addresses.map((a) => ({ prefix: `${a.text}/${width(a.family)}` })))
  }
  return {
    rules: [
      reject('default-route', { prefixes: [{ prefix: '0.0.0.0/0' }, { prefix: '::/0' }] }),
      reject('pod-cidr', { prefixes: pods }),
      reject('node-address', { prefixes: addresses }),
    ],
    otherwise: 'accept',
  }
}
