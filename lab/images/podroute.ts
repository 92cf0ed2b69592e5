// Builds podroute's image from deploy/Dockerfile with buildah, in a store of the lab's own.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeBillOfMaterials } from '../../deploy/sbom.ts'
import { cacheDirectory, cached, fingerprint } from '../cache.ts'
import { run } from '../command.ts'
import { buildBase } from './base.ts'
import { buildDist, REPOSITORY } from './dist.ts'

export const PODROUTE_IMAGE = 'localhost/podroute:dev'

const RECIPE = ['Dockerfile', 'collect.sh', 'shell.sh']

/** What of the repository decides about the image, beside what is built before it. */
export function recipe(): Promise<readonly Buffer[]> {
  return Promise.all(RECIPE.map((name) => readFile(join(REPOSITORY, 'deploy', name))))
}

/** Of `buildah build`, at the top of the repository: on this base, of what is built already. */
export const buildArguments = (base: string, dist: string): readonly string[] => [
  ...['--quiet', '--build-arg', `RUNTIME_IMAGE=${base}`, '--build-context', `build=${dist}`],
  ...['--ignorefile', '.dockerignore', '-f', 'deploy/Dockerfile', '-t', PODROUTE_IMAGE, '.'],
]

const BASE_IMAGE = 'localhost/debian:base'

async function buildah(args: readonly string[]): Promise<string> {
  const store = join(cacheDirectory(), 'buildah')
  return run('buildah', ['--root', join(store, 'root'), '--runroot', join(store, 'run'), ...args], {
    env: { STORAGE_DRIVER: 'overlay', BUILDAH_ISOLATION: 'chroot' },
    cwd: REPOSITORY,
  })
}

/** Makes an image of a root file system; its name carries what it was made of, so that it is made once. */
async function importBase(tar: string): Promise<string> {
  const name = `${BASE_IMAGE}-${fingerprint([tar])}`
  const known = await buildah(['images', '-q', name]).catch(() => '')
  if (known.trim() !== '') return name
  const container = (await buildah(['from', 'scratch'])).trim()
  try {
    await buildah(['add', '-q', container, tar, '/'])
    await buildah(['commit', '-q', container, name])
  } finally {
    await buildah(['rm', container])
  }
  return name
}

/** Id of podroute's image; empty where there is none yet. */
async function imageId(): Promise<string> {
  return (await buildah(['images', '-q', PODROUTE_IMAGE]).catch(() => '')).trim()
}

/** Path of the image's archive; its bill of materials is beside it. */
export async function buildPodrouteImage(): Promise<string> {
  const [base, dist] = await Promise.all([buildBase(), buildDist()])
  const key = fingerprint([base, dist.key, ...(await recipe()), 'podroute.spdx.json'])
  const { directory } = await cached('image', key, async (into) => {
    const runtime = await importBase(base)
    const previous = await imageId()
    await buildah(['build', '--layers', ...buildArguments(runtime, dist.directory)])
    // With the layers that only it had; those of the earlier stages stay for the next build.
    if (previous !== '' && previous !== (await imageId())) await buildah(['rmi', previous])
    await buildah([
      'push',
      '-q',
      PODROUTE_IMAGE,
      `docker-archive:${join(into, 'podroute.tar')}:${PODROUTE_IMAGE}`,
    ])
    writeBillOfMaterials(join(into, 'podroute.tar'), join(into, 'podroute.spdx.json'))
  })
  return join(directory, 'podroute.tar')
}
