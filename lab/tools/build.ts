// Builds the lab's own static program (command channel, test servers): about a second.

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cached, fingerprintFiles } from '../cache.ts'
import { run } from '../command.ts'

/** Path of the static program `lab-tools`; its first argument says what it does. */
export async function buildTools(): Promise<string> {
  const folder = import.meta.dirname
  const sources = (await readdir(folder)).filter((name) => /\.(go|s|mod)$/.test(name))
  const key = fingerprintFiles(
    folder,
    sources.map((name) => join(folder, name)),
    [process.arch],
  )
  const { directory } = await cached('tools', key, async (into) => {
    await run(
      'go',
      ['build', '-trimpath', '-buildvcs=false', '-ldflags', '-s -w', '-o', join(into, 'lab-tools'), '.'],
      {
        cwd: folder,
        env: { CGO_ENABLED: '0' },
      },
    )
  })
  return join(directory, 'lab-tools')
}
