/** Kernel switches below /proc/sys. They are set, kept, and left as they are at the end: others may rely on them by then. */
import type { SysctlApi } from '@podroute/kernel/kernel.ts'
import { DONE, type Op, type Outcome, type Resource } from '@podroute/reconcile/resource.ts'

export class SysctlResource implements Resource<string, string> {
  readonly name = 'sysctls'
  readonly #files: SysctlApi
  /** What was ever set: the only switches that are ours to look at. */
  readonly #known = new Set<string>()

  constructor(files: SysctlApi) {
    this.#files = files
  }

  equal(a: string, b: string): boolean {
    return a === b
  }

  async *list(): AsyncIterable<Iterable<readonly [string, string]>> {
    yield await this.read([...this.#known])
  }

  async read(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>()
    for (const key of keys) {
      const value = this.#value(key)
      if (value !== undefined) found.set(key, value)
    }
    return found
  }

  async apply(ops: readonly Op<string, string>[]): Promise<readonly Outcome[]> {
    return ops.map((op): Outcome => {
      if (op.kind === 'remove') {
        this.#known.delete(op.key)
        return DONE
      }
      try {
        this.#known.add(op.key)
        this.#files.write(op.key, op.value)
        return DONE
      } catch (error) {
        return { ok: false, error: error as Error }
      }
    })
  }

  #value(key: string): string | undefined {
    return this.#files.read(key)?.trim()
  }
}
