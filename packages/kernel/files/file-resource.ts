/** One file, by path, with its text: always whole, never half written. */
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { applyEach, type Op, type Outcome, type Resource } from '@podroute/reconcile/resource.ts'

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
  readonly #options: FileOptions

  constructor(options: FileOptions) {
    this.name = options.name
    this.#options = options
  }

  equal(a: string, b: string): boolean {
    return a === b
  }

  async *list(): AsyncIterable<Iterable<readonly [string, string]>> {
    const path = this.#options.path()
    const text = await readFile(path, 'utf8').catch(absent)
    if (text !== undefined) yield [[path, text]]
  }

  apply(ops: readonly Op<string, string>[]): Promise<readonly Outcome[]> {
    return applyEach(ops, async (op) =>
      op.kind === 'remove' ? rm(op.key, { force: true }) : writeWhole(op.key, op.value, this.#options.mode),
    )
  }
}

/** Written beside as `<path>.new`, synced, then renamed: who reads the path finds the old text or the new one. */
async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const beside = `${path}.new`
  try {
    await using file = await open(beside, 'w')
    await file.chmod(mode)
    await file.writeFile(text)
    await file.sync()
    await rename(beside, path)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
