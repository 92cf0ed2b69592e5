/** Whether clients are to come to this node at all: a node that is to be left says so first, and withdraws some time later. Pure. */

export type NodeState =
  | { readonly kind: 'in' }
  /** Routers are to prefer any other node. @param since clock time in milliseconds */
  | { readonly kind: 'leaving'; readonly reason: string; readonly since: number }
  | { readonly kind: 'out'; readonly reason: string }

export interface NodeStateFacts {
  /** Why the node is to be left; undefined: it is not. */
  readonly leaving: string | undefined
  /** Why nothing works here, so that nobody may be sent for a moment more. */
  readonly broken: string | undefined
  readonly now: number
  /** Milliseconds between the first word and the last. */
  readonly drain: number
}

/** @param before undefined: nothing has been announced yet, so that there is nobody to be led away */
export function nextNodeState(
  before: NodeState | undefined,
  { leaving, broken, now, drain }: NodeStateFacts,
): NodeState {
  if (broken !== undefined) return { kind: 'out', reason: broken }
  if (leaving === undefined) return { kind: 'in' }
  if (before === undefined || before.kind === 'out') return { kind: 'out', reason: leaving }
  const since = before.kind === 'leaving' ? before.since : now
  return now - since >= drain ? { kind: 'out', reason: leaving } : { kind: 'leaving', reason: leaving, since }
}
