/**
 * Whether a node is to be left: what it announces is lowered first (GRACEFUL_SHUTDOWN, RFC 8326) and withdrawn with the end of its agent.
 * `spec.unschedulable` alone says nothing of what serves there: nodes are cordoned for weeks.
 */
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'

/** What is looked for on a Node: a key that it has, or one with this very value. */
export interface DrainMark {
  readonly key: string
  readonly value?: string
}

/** Marks that say so, beside the Node's deletion and the shutdown of its machine. */
export interface DrainSettings {
  readonly taints: readonly DrainMark[]
  readonly labels: readonly DrainMark[]
}

/** Its taints are set before the pods are evicted; what is out of service runs nothing any more. */
export const DRAIN_TAINTS = ['ToBeDeletedByClusterAutoscaler', 'node.kubernetes.io/out-of-service'] as const

/** Why the node is to be left, in words for the operator; undefined: it is not. */
export function nodeDrain(
  node: Pick<ClusterNode, 'ending' | 'taints' | 'labels'>,
  { taints, labels }: DrainSettings,
): string | undefined {
  if (node.ending === 'deletion') return 'the Node is being deleted'
  if (node.ending === 'shutdown') return 'the machine is shutting down'
  const taint = node.taints.find((has) => taints.some((mark) => isMarked(mark, has.key, has.value)))
  if (taint) return `the Node has the taint ${taint.key}`
  const label = Object.entries(node.labels).find(([key, value]) =>
    labels.some((mark) => isMarked(mark, key, value)),
  )
  return label && `the Node has the label ${label[0]}`
}

/** `key`, or `key=value`. */
export function drainMark(text: string): DrainMark {
  const at = text.indexOf('=')
  return at < 0 ? { key: text } : { key: text.slice(0, at), value: text.slice(at + 1) }
}

function isMarked(mark: DrainMark, key: string, value: string): boolean {
  return mark.key === key && (mark.value === undefined || mark.value === value)
}
