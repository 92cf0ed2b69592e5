/** Whether the pod network works, as a list of what must hold; the CNI configuration is written when all else does. */

import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { problemText } from '@podroute/cluster/objects/problem.ts'
import { type Condition, condition } from '@podroute/feature/condition.ts'
import { codeOf } from '@podroute/reconcile/resource.ts'
import type { TableStats } from '@podroute/reconcile/table.ts'
import type { Routing } from '../settings.ts'

export interface Facts {
  readonly nodeName: string
  readonly routing: Routing
  /** The pods hang on a bridge of ours, by our CNI configuration. */
  readonly cni: boolean
  readonly nodeAddressTypes: readonly string[]
  readonly nodesSynced: boolean
  readonly local: ClusterNode | undefined
  readonly instance: TableState
  readonly bridge: TableState
  readonly addresses: TableState
  readonly masquerade: TableState
  readonly rules: TableState
  readonly sourceRules: TableState
  readonly sources: TableState
  /** Peers that are still waited for; empty after the deadline. */
  readonly blockingPeers: readonly string[]
  /** What other features lack before pods may start. */
  readonly podGate: string | undefined
  readonly failingRoutes: readonly FailingRoute[]
  readonly conflist: TableState
}

/** A table, and what its first failing change failed with. */
export interface TableState extends TableStats {
  readonly error?: string | undefined
}

/** A route that the kernel does not take. */
export interface FailingRoute {
  readonly destination: string
  readonly gateways: readonly string[]
  readonly error: Error
}

/** The kernel sees no way to the gateway. */
const UNREACHABLE: ReadonlySet<string> = new Set(['ENETUNREACH', 'EHOSTUNREACH'])

/** Everything but the conflist itself, and what makes the node not unready. */
export function conditionsBeforeConflist(facts: Facts): readonly Condition[] {
  return [
    condition('node', nodeProblem(facts)),
    ...(facts.routing === 'bgp'
      ? [condition('speaker', facts.instance.error ?? unsettled(facts.instance))]
      : []),
    ...(facts.cni ? [condition('bridge', unsettled(facts.bridge) ?? unsettled(facts.addresses))] : []),
    condition('masquerade', unsettled(facts.masquerade) ?? unsettled(facts.rules)),
    ...(facts.routing === 'bgp' ? [condition('peers', waitingFor(facts.blockingPeers))] : []),
    condition('others', facts.podGate),
  ]
}

function waitingFor(peers: readonly string[]): string | undefined {
  return peers.length === 0 ? undefined : `waiting for ${peers.join(', ')}`
}

export function allConditions(facts: Facts): readonly Condition[] {
  return [
    ...conditionsBeforeConflist(facts),
    // One node that is elsewhere must not keep all others from being ready.
    { ...condition('routes', routeProblem(facts)), advisory: true },
    // Pods work all the same; on an old kernel they may do what they like.
    { ...condition('source-check', sourceProblem(facts)), advisory: true },
    ...(facts.cni ? [condition('conflist', unsettled(facts.conflist))] : []),
  ]
}

function nodeProblem({ nodesSynced, local, nodeName, nodeAddressTypes }: Facts): string | undefined {
  if (!nodesSynced) return 'the Nodes are not known yet'
  if (!local) return `there is no Node ${nodeName}`
  const problems =
    local.problems.length > 0 ? ` that can be used: ${local.problems.map(problemText).join(', ')}` : ''
  if (local.podCidrs.length === 0) return `Node ${nodeName} has no podCIDR${problems}`
  if (local.addresses.length > 0) return undefined
  return `Node ${nodeName} has no ${nodeAddressTypes.join(' or ')}${problems}`
}

function routeProblem({ failingRoutes: [first, ...others] }: Facts): string | undefined {
  if (!first) return undefined
  const { destination, gateways, error } = first
  const gateway = gateways.join(' and ')
  const more = others.length > 0 ? ` (and ${others.length} more)` : ''
  if (codeOf(error) === 'EEXIST')
    return `${destination} via ${gateway} cannot be installed${more}: another program has a route there, which stays: take it away, or do not accept the prefix`
  const advice = UNREACHABLE.has(codeOf(error) ?? '')
    ? `: no network of this node holds ${gateway}; have nodes share one, or give this node a route to it`
    : ''
  return `${destination} via ${gateway} cannot be installed${more}: ${error.message}${advice}`
}

function sourceProblem({ sourceRules, sources }: Facts): string | undefined {
  const problem = unsettled(sourceRules)
  if (problem !== undefined)
    return `${problem}: pods are not kept from sending with the addresses of others; the kernel needs CONFIG_NF_TABLES_BRIDGE, or set podNetwork.sourceCheck to false`
  return sources.desired === 0 ? undefined : unsettled(sources)
}

/** A table that should hold something, and holds all of it. */
function unsettled(stats: TableState): string | undefined {
  if (stats.desired === 0) return 'nothing planned yet'
  if (stats.failed > 0) return `${stats.failed} failing${stats.error ? `: ${stats.error}` : ''}`
  return stats.pending > 0 ? `${stats.pending} pending` : undefined
}
