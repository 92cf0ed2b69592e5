/** What the Node's condition NetworkUnavailable is to say. Pure. */
import type { NetworkUnavailable } from '@podroute/cluster/objects/node.ts'
import type { Condition } from '@podroute/feature/condition.ts'

export type Verdict = { readonly kind: 'works' } | { readonly kind: 'broken'; readonly detail: string }

/** Reasons that are podroute's: with any other one somebody else has said it. */
const REASONS = { works: 'PodRouteReady', broken: 'PodRouteNotReady' } as const

/** Of a condition's message; the API takes 32,768. */
const LONGEST = 1000

export function verdictOf(conditions: readonly Condition[]): Verdict {
  const missing = conditions.filter(({ ok, advisory }) => !ok && advisory !== true)
  if (missing.length === 0) return { kind: 'works' }
  const detail = missing.map((condition) => `${condition.name}: ${condition.detail}`).join('; ')
  return { kind: 'broken', detail: detail.slice(0, LONGEST) }
}

export function isOurs(seen: NetworkUnavailable | undefined): boolean {
  return seen !== undefined && Object.values<string>(REASONS).includes(seen.reason)
}

/** Whether the API says the same already: by whomever, where only the words differ, so that two that agree do not write by turns. */
export function isSaid(verdict: Verdict, seen: NetworkUnavailable | undefined): boolean {
  if (seen?.status !== statusOf(verdict)) return false
  return verdict.kind === 'works' || !isOurs(seen) || seen.message === verdict.detail
}

/** The condition for the API. Its time is that of its status, not of its text. */
export function conditionOf(verdict: Verdict, seen: NetworkUnavailable | undefined, wall: Date) {
  const now = wall.toISOString().replace(/\.\d+Z$/, 'Z')
  const status = statusOf(verdict)
  return {
    ...{ type: 'NetworkUnavailable', status, reason: REASONS[verdict.kind] },
    message: verdict.kind === 'works' ? 'the node has its pod network' : verdict.detail,
    lastHeartbeatTime: now,
    lastTransitionTime: (seen?.status === status && seen.since) || now,
  }
}

function statusOf({ kind }: Verdict): 'True' | 'False' {
  return kind === 'works' ? 'False' : 'True'
}
