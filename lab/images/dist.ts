// What the image's first stage makes, made here: the same `deploy/build.ts`, when its sources have changed.

import { existsSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { cached, fingerprintFiles } from '../cache.ts'
import { run } from '../command.ts'
import { LabError } from '../errors.ts'

export const REPOSITORY = join(import.meta.dirname, '..', '..')

const IGNORED = new Set(['node_modules', 'dist', '.build', 'testing'])

/** Those outside of the packages. The DaemonSet says with which options the agent's snapshot is made. */
const SINGLE = [
  ...['package.json', 'package-lock.json'],
  ...['build', 'manifest', 'plugins'].map((name) => `deploy/${name}.ts`),
  'deploy/podroute.yaml',
]

/** Files that decide what the build makes. */
async function sources(): Promise<string[]> {
  const found = SINGLE.map((name) => join(REPOSITORY, name))
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) {
        if (!IGNORED.has(entry.name)) await walk(path)
      } else if (entry.isFile() && !entry.name.endsWith('.test.ts')) found.push(path)
    }
  }
  await walk(join(REPOSITORY, 'packages'))
  return found
}

export interface Dist {
  /** Holds dist/ and usr/local/bin/node, as the image's build stage does. */
  readonly directory: string
  readonly key: string
}

export async function buildDist(): Promise<Dist> {
  const script = join(REPOSITORY, 'deploy', 'build.ts')
  if (!existsSync(script))
    throw new LabError('missing-prerequisite', `${relative(REPOSITORY, script)} is missing`)
  const key = fingerprintFiles(REPOSITORY, await sources(), [process.version, 'strip'])
  const { directory } = await cached('dist', key, async (into) => {
    await run(process.execPath, [script, '--out', join(into, 'dist')], { cwd: REPOSITORY })
    const bin = join(into, 'usr', 'local', 'bin')
    await mkdir(bin, { recursive: true })
    await run('strip', ['-o', join(bin, 'node'), process.execPath])
  })
  return { directory, key }
}
