/** Health-check node ports as a Resource: a server each, which answers with what was last written under its port. */

import type { Listen } from '@podroute/kernel/kernel.ts'
import type { Op, Outcome, Resource } from '@podroute/reconcile/resource.ts'
import { DONE, outcomeOf } from '@podroute/reconcile/resource.ts'
import type { HealthCheck } from '../plan/health-check.ts'
import { healthAnswer } from './answer.ts'

type CheckOp = Op<string, HealthCheck>

export class HealthChecks implements Resource<string, HealthCheck>, AsyncDisposable {
  readonly name = 'health-checks'
  readonly #listen: Listen
  readonly #healthy: () => boolean
  readonly #checks = new Map<string, { check: HealthCheck; readonly server: AsyncDisposable }>()

  constructor(listen: Listen, healthy: () => boolean) {
    this.#listen = listen
    this.#healthy = healthy
  }

  equal(a: HealthCheck, b: HealthCheck): boolean {
    return a.namespace === b.namespace && a.name === b.name && a.localEndpoints === b.localEndpoints
  }

  async *list(): AsyncIterable<Iterable<readonly [string, HealthCheck]>> {
    yield [...this.#checks].map(([port, { check }]) => [port, check])
  }

  /** One after the other: there are few, and a port that is free now may have been taken a moment ago. */
  async apply(ops: readonly CheckOp[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = []
    for (const op of ops) outcomes.push(await this.#apply(op).then(() => DONE, outcomeOf))
    return outcomes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { server } of this.#checks.values()) await server[Symbol.asyncDispose]()
    this.#checks.clear()
  }

  async #apply(op: CheckOp): Promise<void> {
    const there = this.#checks.get(op.key)
    if (op.kind === 'remove') {
      this.#checks.delete(op.key)
      await there?.server[Symbol.asyncDispose]()
    } else if (there) {
      there.check = op.value
    } else {
      const entry: { check: HealthCheck; server?: AsyncDisposable } = { check: op.value }
      const server = await this.#listen(op.value.port, () => healthAnswer(entry.check, this.#healthy()))
      this.#checks.set(op.key, Object.assign(entry, { server }))
    }
  }
}
