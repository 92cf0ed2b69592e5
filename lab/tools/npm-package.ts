// Packages of the npm registry that are not dependencies: programs and native files of another release or architecture.

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cached } from '../cache.ts'
import { run } from '../command.ts'
import { LabError } from '../errors.ts'

export interface NpmPackage {
  /** Name and version. */
  readonly spec: string
  readonly integrity: string
  /** What of it is unpacked. */
  readonly path: string
}

/** The folder with `path` in it, kept in the cache as `kind`. @throws LabError where the registry has another one */
export async function fetchPackage(kind: string, { spec, integrity, path }: NpmPackage): Promise<string> {
  const { directory } = await cached(kind, spec.replaceAll('/', '+'), async (into) => {
    const stdout = await run('npm', ['pack', spec, '--json', '--pack-destination', into])
    const [packed] = JSON.parse(stdout) as readonly { readonly integrity: string }[]
    if (packed?.integrity !== integrity)
      throw new LabError(
        'missing-prerequisite',
        `${spec} from the npm registry is not the one of ${integrity}`,
      )
    const archive = (await readdir(into)).find((name) => name.endsWith('.tgz'))!
    await run('tar', ['-xzf', join(into, archive), '-C', into, '--strip-components=1', `package/${path}`])
    await run('rm', [join(into, archive)])
  })
  return directory
}
