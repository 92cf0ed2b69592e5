/** One batch handed to a resource, with an outcome for each op whatever the resource answers. */
import { ReconcileError } from './errors.ts'
import type { Op, Outcome, Resource } from './resource.ts'

export async function applyBatch<K extends string, V>(
  resource: Resource<K, V>,
  batch: readonly Op<K, V>[],
): Promise<readonly Outcome[]> {
  try {
    const outcomes = await resource.apply(batch)
    if (outcomes.length === batch.length) return outcomes
    const error = new ReconcileError('OUTCOMES_MISMATCH', resource.name)
    return batch.map(() => ({ ok: false, error }))
  } catch (cause) {
    const error = new ReconcileError('APPLY_REJECTED', resource.name, { cause })
    return batch.map(() => ({ ok: false, error }))
  }
}
