// Makes image archives (docker-archive format) of a folder without any daemon or registry.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../command.ts'

export interface ImageName {
  readonly reference: string
  readonly entrypoint: readonly string[]
  /** Arguments where a pod names none. */
  readonly command?: readonly string[]
}

/** Options of tar that make equal trees equal archives. */
const REPRODUCIBLE = [
  '--sort=name',
  '--mtime=@0',
  '--owner=0',
  '--group=0',
  '--numeric-owner',
  '--format=gnu',
]

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** Writes one archive with one layer, the tree, under several names that differ in what they start. */
export async function archiveTree(
  tree: string,
  images: readonly ImageName[],
  archive: string,
): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'podroute-image-'))
  try {
    const layer = join(work, 'layer.tar')
    await run('tar', [...REPRODUCIBLE, '-cf', layer, '-C', tree, '.'])
    const diff = await sha256(layer)
    const manifest = []
    for (const [index, { reference, entrypoint, command = [] }] of images.entries()) {
      const config = {
        architecture: 'amd64',
        os: 'linux',
        created: '1970-01-01T00:00:00Z',
        config: { Entrypoint: entrypoint, Cmd: command, Env: ['PATH=/bin:/'] },
        rootfs: { type: 'layers', diff_ids: [`sha256:${diff}`] },
        history: [{ created: '1970-01-01T00:00:00Z', created_by: 'podroute lab' }],
      }
      await writeFile(join(work, `config${index}.json`), JSON.stringify(config))
      manifest.push({ Config: `config${index}.json`, RepoTags: [reference], Layers: ['layer.tar'] })
    }
    await writeFile(join(work, 'manifest.json'), JSON.stringify(manifest))
    await run('tar', [...REPRODUCIBLE, '-cf', archive, '-C', work, '.'])
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Writes the archive of one image anew, under another name. */
export async function renameImage(archive: string, reference: string, into: string): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'podroute-image-'))
  try {
    await run('tar', ['-xf', archive, '-C', work])
    const file = join(work, 'manifest.json')
    const images = JSON.parse(await readFile(file, 'utf8')) as object[]
    await writeFile(file, JSON.stringify(images.map((image) => ({ ...image, RepoTags: [reference] }))))
    // Where it is there, it has the former name.
    await rm(join(work, 'repositories'), { force: true })
    // Names as `docker save` has them, without "./": readers ask for manifest.json by its name.
    await run('tar', [...REPRODUCIBLE, '-cf', into, '-C', work, ...(await readdir(work)).sort()])
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Makes the folders of an image tree. */
export async function makeFolders(tree: string, names: readonly string[]): Promise<void> {
  for (const name of names) await mkdir(join(tree, name), { recursive: true, mode: 0o755 })
}
