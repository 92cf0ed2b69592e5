/** One file, by path, with its text: always whole, never half written. */
import { applyEach, type Op, type Outcome, type Resource } from '@podroute/reconcile/resource.ts'
import type { FilesApi } from '../kernel.ts'

export interface FileOptions {
  /** Of the Resource. */
  readonly name: string
  /** Permission bits, whatever the umask is. */
  readonly mode: number
  /** Of the file as it is to be now: no other one is looked at. */
  path(): string
}

export class FileResource implements Resource<string, string> {
  readonly name: string
  readonly #files: FilesApi
  readonly #options: FileOptions

  constructor(files: FilesApi, options: FileOptions) {
    this.name = options.name
    this.#files = files
    this.#options = options
  }

  equal(a: string, b: string): boolean {
    return a === b
  }

  async *list(): AsyncIterable<Iterable<readonly [string, string]>> {
    const path = this.#options.path()
    const text = await this.#files.read(path)
    if (text !== undefined) yield [[path, text]]
  }

  apply(ops: readonly Op<string, string>[]): Promise<readonly Outcome[]> {
    return applyEach(ops, async (op) =>
      op.kind === 'remove'
        ? this.#files.remove(op.key)
        : this.#files.write(op.key, op.value, this.#options.mode),
    )
  }
}
