/** A named check of a node: a function of facts alone, which says what is wrong and what to do. */
import type { Fact, Facts } from './facts.ts'

export type Outcome =
  | { readonly kind: 'ok' }
  | { readonly kind: 'warn' | 'fail'; readonly problem: string; readonly todo: string }
  | { readonly kind: 'unknown'; readonly problem: string }

export interface Check {
  readonly name: string
  /** What has to hold. */
  readonly summary: string
  judge(facts: Facts): Outcome
}

export const OK: Outcome = { kind: 'ok' }
export const warn = (problem: string, todo: string): Outcome => ({ kind: 'warn', problem, todo })
export const fail = (problem: string, todo: string): Outcome => ({ kind: 'fail', problem, todo })
export const unknown = (problem: string): Outcome => ({ kind: 'unknown', problem })

/** A check of one fact: where that is not known, neither is this. */
export function checkOf<T>(
  name: string,
  summary: string,
  of: (facts: Facts) => Fact<T>,
  judge: (value: T, facts: Facts) => Outcome,
): Check {
  return {
    ...{ name, summary },
    judge(facts) {
      const fact = of(facts)
      return 'value' in fact ? judge(fact.value, facts) : unknown(fact.unknown)
    },
  }
}

export interface Finding {
  readonly check: string
  readonly summary: string
  readonly outcome: Outcome
}

export function examine(checks: readonly Check[], facts: Facts): readonly Finding[] {
  return checks.map((check) => ({ check: check.name, summary: check.summary, outcome: check.judge(facts) }))
}
