// Images for the nodes without importing them there: this machine's containerd unpacks them once into a folder of
// the cache, and every node takes that folder as its image store (start: node/prepare.sh). Under emulation this
// saves each node the unpacking of 200 MB.

import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cached, fingerprint } from '../cache.ts'
import { attempt, run } from '../command.ts'
import { LabError } from '../errors.ts'
import { Processes } from '../processes.ts'

export interface ImageArchive {
  readonly path: string
  /** Changes whenever the archive's content does. */
  readonly identity: string
}

/** An archive in the cache is never written again: path, size and time identify it. */
export async function cachedArchive(path: string): Promise<ImageArchive> {
  const { size, mtimeMs } = await stat(path)
  return { path, identity: `${path} ${size} ${mtimeMs}` }
}

/** The folder `root` of a containerd that holds the images of all archives, unpacked. */
export async function buildImageStore(archives: readonly ImageArchive[]): Promise<string> {
  const version = await run('containerd', ['--version'])
  const { directory } = await cached(
    'images',
    fingerprint([version, ...archives.map((a) => a.identity)]),
    (into) => importImages(into, archives),
  )
  return join(directory, 'root')
}

async function importImages(into: string, archives: readonly ImageArchive[]): Promise<void> {
  await chmod(into, 0o755)
  const work = await mkdtemp(join(tmpdir(), 'podroute-containerd-'))
  const processes = new Processes(work, true)
  const socket = join(work, 'containerd.sock')
  await mkdir(join(into, 'root'))
  await writeFile(join(work, 'config.toml'), configuration(join(into, 'root'), join(work, 'state'), socket))
  try {
    // A mount namespace of its own: its mounts never show on the machine.
    await processes.start('containerd', ['unshare', '-m', 'containerd', '-c', join(work, 'config.toml')])
    await waitForContainerd(processes, socket)
    for (const { path } of archives)
      await run('ctr', ['-a', socket, '-n', 'k8s.io', 'images', 'import', path])
  } finally {
    await processes.stop()
    await rm(work, { recursive: true, force: true })
  }
}

function configuration(root: string, state: string, socket: string): string {
  return [
    'version = 2',
    `root = "${root}"`,
    `state = "${state}"`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]',
    '[grpc]',
    `address = "${socket}"`,
    '',
  ].join('\n')
}

async function waitForContainerd(processes: Processes, socket: string): Promise<void> {
  const deadline = performance.now() + 30_000
  while (performance.now() < deadline) {
    await processes.expectRunning('containerd')
    const { code } = await attempt('ctr', ['-a', socket, 'version'], { timeout: 10_000 })
    if (code === 0) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new LabError('timed-out', 'containerd does not answer')
}
