/** Problems of API objects, told once each for as long as they last. */
import type { Problem } from '../types.ts'

/** Sources of what is wrong with one Service. */
const SCOPES = ['objects', 'plan', 'ports'] as const

export class Problems {
  readonly #known = new Map<string, ReadonlyMap<string, Problem>>()
  readonly #tell: (problem: Problem) => void

  constructor(tell: (problem: Problem) => void) {
    this.#tell = tell
  }

  /** What is wrong with an object now (`scope` tells several sources of the same object apart); the new ones are told. */
  replace(scope: string, problems: readonly Problem[]): void {
    const before = this.#known.get(scope)
    if (problems.length === 0) {
      if (before) this.#known.delete(scope)
      return
    }
    const now = new Map(problems.map((problem) => [`${problem.code} ${problem.detail}`, problem]))
    this.#known.set(scope, now)
    for (const [key, problem] of now) if (!before?.has(key)) this.#tell(problem)
  }

  /** Those of one Service and its slices, those left out that the tables tell. */
  of(key: string): readonly Problem[] {
    return SCOPES.flatMap((scope) => [...(this.#known.get(`${scope} ${key}`)?.values() ?? [])])
  }

  all(): readonly Problem[] {
    return [...this.#known.values()].flatMap((problems) => [...problems.values()])
  }
}
