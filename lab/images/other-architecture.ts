// podroute's image for another architecture than this machine's, of the same Dockerfile: what its steps start is emulated. In a store of its own,
// since a user namespace cannot use one whose layers the kernel lays over each other outside of it.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeBillOfMaterials } from '../../deploy/sbom.ts'
import { cached, fingerprint } from '../cache.ts'
import { run } from '../command.ts'
import { buildBase } from './base.ts'
import { buildDist, REPOSITORY } from './dist.ts'
import { type Architecture, emulated } from './emulated.ts'
import { buildArguments, PODROUTE_IMAGE, recipe } from './podroute.ts'

const RUNTIME = 'localhost/debian:base'

/** Path of the image's archive; its bill of materials is beside it. */
export async function buildImageFor(architecture: Architecture): Promise<string> {
  const base = await buildBase(architecture)
  const dist = await buildDist(architecture)
  const { directory } = await cached(
    'image',
    fingerprint([base, dist.key, ...(await recipe())]),
    async (into) => {
      const store = await mkdtemp(join(tmpdir(), 'podroute-buildah-'))
      const [program, ...before] = emulated(architecture, 'buildah')
      const buildah = (...args: readonly string[]) =>
        run(program, [...before, '--root', join(store, 'root'), '--runroot', join(store, 'run'), ...args], {
          env: { STORAGE_DRIVER: 'vfs', BUILDAH_ISOLATION: 'chroot' },
          cwd: REPOSITORY,
        })
      const platform = ['--platform', `linux/${architecture}`]
      try {
        const container = (await buildah('from', ...platform, 'scratch')).trim()
        await buildah('add', '-q', container, base, '/')
        await buildah('commit', '-q', container, RUNTIME)
        await buildah('build', ...platform, ...buildArguments(RUNTIME, dist.directory))
        const archive = join(into, 'podroute.tar')
        await buildah('push', '-q', PODROUTE_IMAGE, `docker-archive:${archive}:${PODROUTE_IMAGE}`)
        writeBillOfMaterials(archive, join(into, 'podroute.spdx.json'))
      } finally {
        await rm(store, { recursive: true, force: true })
      }
    },
  )
  return join(directory, 'podroute.tar')
}
