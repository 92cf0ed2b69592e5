/**
 * Kernel parameters below /proc/sys. They are set and repaired, and left as they are at the end: others may rely on them by then, and what
 * they were before nobody knows.
 */
import { DONE, type Op, type Outcome, outcomeOf, type Resource } from '@podroute/reconcile/resource.ts'
import type { SysctlApi } from '../kernel.ts'

export class SysctlResource implements Resource<string, string> {
  readonly name = 'sysctls'
  readonly #sysctls: SysctlApi
  readonly #names: ReadonlySet<string>
  /** What was set and not given up since. */
  readonly #written = new Set<string>()

  /** @param names of those that are ours from the start; the others are ours once they are set */
  constructor(sysctls: SysctlApi, names: Iterable<string> = []) {
    this.#sysctls = sysctls
    this.#names = new Set(names)
  }

  equal(a: string, b: string): boolean {
    return a === b
  }

  async *list(): AsyncIterable<Iterable<readonly [string, string]>> {
    yield await this.read([...new Set([...this.#names, ...this.#written])])
  }

  async read(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>()
    for (const key of keys) {
      if (!this.#names.has(key) && !this.#written.has(key)) continue
      const value = this.#sysctls.read(key)
      if (value !== undefined) found.set(key, value)
    }
    return found
  }

  async apply(ops: readonly Op<string, string>[]): Promise<readonly Outcome[]> {
    return ops.map((op): Outcome => {
      if (op.kind === 'remove') {
        this.#written.delete(op.key)
        return DONE
      }
      try {
        this.#written.add(op.key)
        this.#sysctls.write(op.key, op.value)
        return DONE
      } catch (error) {
        return outcomeOf(error as Error)
      }
    })
  }
}
