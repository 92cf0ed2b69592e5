// Builds the lab's own static program (command channel, test servers): about a second.

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cached, fingerprintFiles } from '../cache.ts'
import { run } from '../command.ts'
import { QUICKER } from '../control-plane/build.ts'

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
    // With the flags of the control plane, which is built meanwhile: Go's own packages are compiled once for both.
    const flags = ['-trimpath', '-buildvcs=false', ...QUICKER.flags, '-ldflags', '-s -w']
    await run('go', ['build', ...flags, '-o', join(into, 'lab-tools'), '.'], {
      ...{ cwd: folder, env: { CGO_ENABLED: '0', ...QUICKER.env } },
    })
  })
  return join(directory, 'lab-tools')
}
