/** What the policies of a namespace do to one of its pods. Pure. */
import { FAMILIES, type Family } from '@podroute/address/address.ts'
import { matches } from '@podroute/cluster/objects/label-selector.ts'
import type { Direction, NetworkPolicy } from '@podroute/cluster/objects/network-policy.ts'
import type { Pod } from '@podroute/cluster/objects/pod.ts'
import { type CompiledClass, compileClass, type TieredRules } from '../compile/chain.ts'
import type { JudgedWay } from '../kernel/table.ts'
import { type ClusterRules, tierRules } from './cluster-rules.ts'

const DIRECTIONS: readonly Direction[] = ['ingress', 'egress']

/** How a pod's traffic of one way and family is judged. */
export interface PodClass extends CompiledClass {
  readonly way: JudgedWay
  readonly family: Family
}

/** Those that isolate the pod in a direction, by their keys. */
export function isolating(
  policies: Iterable<NetworkPolicy>,
  pod: Pick<Pod, 'labels'>,
  direction: Direction,
): readonly NetworkPolicy[] {
  return [...policies]
    .filter((policy) => policy[direction] !== undefined && matches(policy.podSelector, pod.labels))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
}

/** Without those in which everything is allowed. @param policies of the pod's namespace */
export function classesOf(
  pod: Pod,
  policies: readonly NetworkPolicy[],
  cluster: ClusterRules,
): readonly PodClass[] {
  return DIRECTIONS.flatMap((direction) => {
    const chosen = isolating(policies, pod, direction)
    const own = chosen.flatMap(({ namespace, [direction]: rules = [] }) =>
      rules.map((rule) => ({ namespace, rule })),
    )
    const admin = tierRules('admin', direction, pod, cluster)
    const baseline = chosen.length > 0 ? [] : tierRules('baseline', direction, pod, cluster)
    if (chosen.length + admin.length + baseline.length === 0) return []
    const tiers = { admin, own: chosen.length > 0 ? own : undefined, baseline }
    const judged = compiledFor(direction, direction, tiers)
    if (direction === 'ingress') return judged
    // NetworkPolicies never come between a pod and its node.
    return [...judged, ...compiledFor('node', direction, { admin, own: undefined, baseline })]
  })

  function compiledFor(way: JudgedWay, direction: Direction, tiers: TieredRules): readonly PodClass[] {
    return FAMILIES.flatMap((family) => {
      const compiled = compileClass(tiers, { direction, family, numbersOf })
      return compiled ? [{ way, family, ...compiled }] : []
    })
  }

  function numbersOf(protocol: string, name: string): readonly number[] {
    return pod.ports
      .filter((port) => port.protocol === protocol && port.name === name)
      .map(({ port }) => port)
  }
}
