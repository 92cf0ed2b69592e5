/** What annotations of the Node add to the policies of its sessions to routers. */
import type { Cidr } from '@podroute/address/cidr.ts'
import type { Policy, Rule } from 'bgp-speaker-ts/policy/policy.ts'
import { reject, within } from '../bgp/policy.ts'
import type { NodeOverrides } from './node-settings.ts'

/** Of everything that the policy lets out, so that it comes first. */
export function withPathAttributes({ prepend, communities }: NodeOverrides, policy: Policy): Policy {
  if (prepend === undefined && communities.length === 0) return policy
  const rule: Rule = {
    name: 'node-annotations',
    set: {
      ...(prepend === undefined ? {} : { prepend }),
      ...(communities.length === 0 ? {} : { addCommunities: communities }),
    },
    verdict: 'next',
  }
  return { ...policy, rules: [rule, ...policy.rules] }
}

/** Whatever of these ranges the policy would accept is rejected. */
export function rejecting(ranges: readonly Cidr[], policy: Policy): Policy {
  if (ranges.length === 0) return policy
  return {
    ...policy,
    rules: [reject('custom-import-reject', { prefixes: ranges.map(within) }), ...policy.rules],
  }
}
