/** What the status of a ClusterNetworkPolicy says of it: the condition Accepted. Pure. */
import type { Accepted, ClusterNetworkPolicy } from '@podroute/cluster/objects/cluster-network-policy.ts'
import { problemText } from '@podroute/cluster/objects/problem.ts'

/** Of a condition's message; the API takes 32,768. */
const LONGEST = 2000

/** As it should be; undefined: the object has no generation, so nobody could tell what was meant. */
export function acceptedOf({ generation, problems }: ClusterNetworkPolicy): Accepted | undefined {
  if (generation === undefined) return undefined
  if (problems.length === 0)
    return { status: 'True', reason: 'Accepted', message: 'nothing of it is left out', generation }
  const message = problems.map(problemText).join('; ').slice(0, LONGEST)
  return {
    ...{ status: 'False', reason: 'InvalidField', generation },
    message: `these fields cannot be used and allow nothing: ${message}`,
  }
}

/** The condition for the API. Its time is that of its status, not of its text. */
export function conditionOf(wanted: Accepted, before: Accepted | undefined, wall: Date) {
  const { status, reason, message, generation } = wanted
  const since = before?.status === status ? before.since : undefined
  return {
    ...{ type: 'Accepted', status, reason, message, observedGeneration: generation },
    lastTransitionTime: since ?? wall.toISOString().replace(/\.\d+Z$/, 'Z'),
  }
}

/** Whether only what is said of the policy has changed. */
export function isSameSpec(before: ClusterNetworkPolicy | undefined, after: ClusterNetworkPolicy): boolean {
  return before?.uid === after.uid && after.generation !== undefined && before.generation === after.generation
}
