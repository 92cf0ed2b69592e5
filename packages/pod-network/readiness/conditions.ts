/** Whether the pod network works, as a list of what must hold; the CNI configuration is written when all else does. */

import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { problemText } from '@podroute/cluster/objects/problem.ts'
import type { TableStats } from '@podroute/reconcile/table.ts'

export interface Condition {
  readonly name: 'node' | 'speaker' | 'bridge' | 'masquerade' | 'peers' | 'others' | 'conflist'
  readonly ok: boolean
  /** What is missing, or ''. */
  readonly detail: string
}

export interface Facts {
  readonly nodeName: string
  readonly nodesSynced: boolean
  readonly local: ClusterNode | undefined
  readonly speakerProblem: string | undefined
  readonly bridge: TableState
  readonly addresses: TableState
  readonly masquerade: TableState
  readonly masqueradeChain: TableState
  /** Peers that are still waited for; empty after the deadline. */
  readonly awaitedPeers: readonly string[]
  /** What other features lack before pods may start. */
  readonly podGate: string | undefined
  readonly conflist: TableState
}

/** A table, and what its first failing change failed with. */
export interface TableState extends TableStats {
  readonly error?: string | undefined
}

/** Everything but the conflist itself. */
export function conditionsBeforeConflist(facts: Facts): readonly Condition[] {
  return [
    condition('node', nodeProblem(facts)),
    condition('speaker', facts.speakerProblem),
    condition('bridge', unsettled(facts.bridge) ?? unsettled(facts.addresses)),
    condition('masquerade', unsettled(facts.masquerade) ?? unsettled(facts.masqueradeChain)),
    condition(
      'peers',
      facts.awaitedPeers.length === 0 ? undefined : `waiting for ${facts.awaitedPeers.join(', ')}`,
    ),
    condition('others', facts.podGate),
  ]
}

export function allConditions(facts: Facts): readonly Condition[] {
  return [...conditionsBeforeConflist(facts), condition('conflist', unsettled(facts.conflist))]
}

function nodeProblem({ nodesSynced, local, nodeName }: Facts): string | undefined {
  if (!nodesSynced) return 'the Nodes are not known yet'
  if (!local) return `there is no Node ${nodeName}`
  const problems =
    local.problems.length > 0 ? ` that can be used: ${local.problems.map(problemText).join(', ')}` : ''
  if (local.podCidrs.length === 0) return `Node ${nodeName} has no podCIDR${problems}`
  return local.addresses.length === 0 ? `Node ${nodeName} has no InternalIP${problems}` : undefined
}

/** A table that should hold something, and holds all of it. */
function unsettled(stats: TableState): string | undefined {
  if (stats.desired === 0) return 'nothing planned yet'
  if (stats.failed > 0) return `${stats.failed} failing${stats.error ? `: ${stats.error}` : ''}`
  return stats.pending > 0 ? `${stats.pending} pending` : undefined
}

function condition(name: Condition['name'], problem: string | undefined): Condition {
  return { name, ok: problem === undefined, detail: problem ?? '' }
}
