/** Selectors of labels in the configuration, as Kubernetes has them. */
import { type LabelSelector, parseSelector } from '@podroute/cluster/objects/label-selector.ts'
import * as z from 'zod'

const requirement = z.strictObject({
  key: z.string().min(1),
  operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
  values: z.array(z.string()).optional(),
})

/** Fields of metav1.LabelSelector; none take everything. */
export const selectorShape = {
  matchLabels: z.record(z.string(), z.string()).optional(),
  matchExpressions: z.array(requirement).optional(),
}

export const selector = z.strictObject(selectorShape)

/** The schema has checked it. */
export function readSelector({
  matchLabels = {},
  matchExpressions = [],
}: z.infer<typeof selector>): LabelSelector {
  const expressions = matchExpressions.map(({ key, operator, values = [] }) => ({ key, operator, values }))
  return parseSelector({ matchLabels, matchExpressions: expressions }, () => {})
}
