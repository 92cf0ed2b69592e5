/** Readiness of the agent as a list: what each part says of itself. */
import type { PodNetwork } from '@podroute/pod-network/pod-network.ts'
import type { ServiceRunner } from './services.ts'

export interface AgentCondition {
  readonly name: string
  readonly ok: boolean
  /** What is missing, or ''. */
  readonly detail: string
}

export function agentConditions(
  network: Pick<PodNetwork, 'conditions'> | undefined,
  services: Pick<ServiceRunner, 'problem'> | undefined,
): readonly AgentCondition[] {
  // The pod network names what it waits for of the services; here they speak for themselves.
  const own = (network?.conditions() ?? []).filter((condition) => condition.name !== 'services')
  if (!services) return own
  const problem = services.problem
  return [...own, { name: 'services', ok: problem === undefined, detail: problem ?? '' }]
}

export function isReady(conditions: readonly AgentCondition[]): boolean {
  return conditions.every((condition) => condition.ok)
}
