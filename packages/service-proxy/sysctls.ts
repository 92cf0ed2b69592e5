/** Kernel settings that the proxy depends on, as a Resource. They are set and repaired, never taken back. */

import type { SysctlApi } from '@podroute/kernel/kernel.ts'
import type { Op, Outcome, Resource } from '@podroute/reconcile/resource.ts'
import { DONE, outcomeOf } from '@podroute/reconcile/resource.ts'

export class Sysctls implements Resource<string, string> {
  readonly name = 'sysctls'
  readonly #sysctl: SysctlApi
  readonly #names: readonly string[]

  constructor(sysctl: SysctlApi, names: readonly string[]) {
    this.#sysctl = sysctl
    this.#names = names
  }

  equal(a: string, b: string): boolean {
    return a === b
  }

  async *list(): AsyncIterable<Iterable<readonly [string, string]>> {
    for (const name of this.#names) {
      const value = this.#sysctl.read(name)
      if (value !== undefined) yield [[name, value]]
    }
  }

  async apply(ops: readonly Op<string, string>[]): Promise<readonly Outcome[]> {
    return ops.map((op) => {
      // Others may rely on it by now, and what it was before nobody knows.
      if (op.kind === 'remove') return DONE
      try {
        this.#sysctl.write(op.key, op.value)
        return DONE
      } catch (error) {
        return outcomeOf(error as Error)
      }
    })
  }
}
