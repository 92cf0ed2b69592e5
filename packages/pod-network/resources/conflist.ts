/** The CNI configuration file, by path: always whole, never half written. */
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DONE, type Op, type Outcome, type Resource } from '@podroute/reconcile/resource.ts'

export class ConflistResource implements Resource<string, string> {
  readonly name = 'conflist'
  readonly #path: () => string

  /** @param path of the file as it is to be now: no other one is looked at */
  constructor(path: () => string) {
    this.#path = path
  }

  equal(a: string, b: string): boolean {
    return a === b
  }

  async *list(): AsyncIterable<Iterable<readonly [string, string]>> {
    const path = this.#path()
    const text = await readFile(path, 'utf8').catch(absent)
    if (text !== undefined) yield [[path, text]]
  }

  async apply(ops: readonly Op<string, string>[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = []
    for (const op of ops) {
      try {
        if (op.kind === 'remove') await rm(op.key, { force: true })
        else await writeWhole(op.key, op.value)
        outcomes.push(DONE)
      } catch (error) {
        outcomes.push({ ok: false, error: error as Error })
      }
    }
    return outcomes
  }
}

/** Written beside, under a name that no runtime reads (they take .conf, .conflist and .json), synced, then renamed. */
async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const beside = `${path}.new`
  try {
    await using file = await open(beside, 'w')
    // Whatever the umask is: runtimes and their tools read it as other users.
    await file.chmod(0o644)
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
