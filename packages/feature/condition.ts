/** What must hold for a node to be ready, as a list that says what is missing. */

export interface Condition {
  readonly name: string
  readonly ok: boolean
  /** What is missing and what to do, or ''. */
  readonly detail: string
  /** It is shown, and does not make the node unready. */
  readonly advisory?: boolean
}

/** @param problem what is missing; undefined: nothing */
export function condition(name: string, problem: string | undefined): Condition {
  return { name, ok: problem === undefined, detail: problem ?? '' }
}

export function isReady(conditions: readonly Condition[]): boolean {
  return conditions.every(({ ok, advisory }) => ok || advisory === true)
}
