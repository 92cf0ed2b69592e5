/** Selectors of labels in the configuration, as Kubernetes has them. */
import { type LabelSelector, parseSelector } from '@podroute/cluster/objects/label-selector.ts'
import * as z from 'zod'

const requirement = z.strictObject({
  key: z.string().min(1).describe('Key of the label.'),
  operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).describe('How the label is compared.'),
  values: z.array(z.string()).optional().describe('Values of In and NotIn.'),
})

/** Fields of metav1.LabelSelector; none take everything. */
export const selectorShape = {
  matchLabels: z
    .record(z.string(), z.string())
    .optional()
    .describe('Labels that all must be there with these values.'),
  matchExpressions: z.array(requirement).optional().describe('Requirements that all must hold.'),
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
