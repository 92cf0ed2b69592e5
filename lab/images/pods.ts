// The images of the lab's own pods, one tree of three static programs under three names: blue (test server), client
// (a shell with fetch, nc, ip and ping; load) and pause.

import { chmod, copyFile, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cached, fingerprint } from '../cache.ts'
import { run } from '../command.ts'
import { buildLoad } from '../load/build.ts'
import { buildTools } from '../tools/build.ts'
import { archiveTree, makeFolders } from './archive.ts'

export const BLUE_IMAGE = 'localhost/podroute-lab/blue:1'
export const CLIENT_IMAGE = 'localhost/podroute-lab/client:1'
export const PAUSE_IMAGE = 'localhost/podroute-lab/pause:1'

const IMAGES = [
  { reference: BLUE_IMAGE, entrypoint: ['/bin/blue'] },
  { reference: CLIENT_IMAGE, entrypoint: ['/bin/sleep', '2147483647'] },
  { reference: PAUSE_IMAGE, entrypoint: ['/bin/pause'] },
]

const BUSYBOX = '/bin/busybox'

/** Path of the archive with the three images. */
export async function buildPodImages(): Promise<string> {
  const [tools, load] = await Promise.all([buildTools(), buildLoad()])
  const programs = await Promise.all([tools, load, BUSYBOX].map((path) => readFile(path)))
  const key = fingerprint([...programs, JSON.stringify(IMAGES)])
  const { directory } = await cached('pod-images', key, async (into) => {
    const tree = await mkdtemp(join(tmpdir(), 'podroute-tree-'))
    try {
      await makeTree(tree, tools, load)
      await archiveTree(tree, IMAGES, join(into, 'pods.tar'))
    } finally {
      await rm(tree, { recursive: true, force: true })
    }
  })
  return join(directory, 'pods.tar')
}

async function makeTree(tree: string, tools: string, load: string): Promise<void> {
  await chmod(tree, 0o755)
  await makeFolders(tree, ['bin', 'etc', 'tmp', 'proc', 'sys', 'dev', 'root'])
  await copyFile(tools, join(tree, 'bin', 'lab-tools'))
  await copyFile(load, join(tree, 'bin', 'load'))
  await copyFile(BUSYBOX, join(tree, 'bin', 'busybox'))
  for (const name of ['blue', 'fetch', 'pause']) await symlink('lab-tools', join(tree, 'bin', name))
  await linkApplets(join(tree, 'bin'))
}

/** Makes a link for every applet of the busybox in a folder. */
export async function linkApplets(folder: string): Promise<void> {
  const applets = (await run(BUSYBOX, ['--list']))
    .split('\n')
    .filter((name) => name !== '' && name !== 'busybox')
  for (const name of applets) await symlink('busybox', join(folder, name))
}
