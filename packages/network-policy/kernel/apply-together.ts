/** Many changes as one transaction, which is halved until only those that the kernel refuses fail. */
import { DONE, type Op, type Outcome, outcomeOf } from '@podroute/reconcile/resource.ts'

/** @param run carries out all or, when it rejects, nothing */
export async function applyTogether<K extends string, V>(
  ops: readonly Op<K, V>[],
  run: (ops: readonly Op<K, V>[]) => Promise<void>,
): Promise<readonly Outcome[]> {
  if (ops.length === 0) return []
  try {
    await run(ops)
    return ops.map(() => DONE)
  } catch (error) {
    if (ops.length === 1) return [outcomeOf(error as Error)]
    const middle = ops.length >> 1
    const first = await applyTogether(ops.slice(0, middle), run)
    return first.concat(await applyTogether(ops.slice(middle), run))
  }
}
