// The stock Debian kernel that QEMU boots, unpacked into the cache, never installed on the machine.

import { chmod, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { cached, fingerprint } from '../cache.ts'
import { attempt, run } from '../command.ts'
import { LabError } from '../errors.ts'
import { INIT, packInitramfs } from './initramfs.ts'
import { type Kernel, moduleVersion } from './kernel.ts'

/** The generic flavour: the cloud flavour lacks 9p. */
const METAPACKAGE = 'linux-image-amd64'

/** Modules that reach the root file system and the command channel, in an order that insmod accepts. */
const BOOT_MODULES = [
  'virtio_ring',
  'virtio',
  'virtio_pci_modern_dev',
  'virtio_pci_legacy_dev',
  'virtio_pci',
  'virtio_console',
  'netfs',
  'fscache',
  '9pnet',
  '9pnet_virtio',
  '9p',
  'overlay',
] as const

/** How a stream of xz begins. */
const XZ_MAGIC = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])

/** The newest kernel of the distribution, from the cache or downloaded (70 MB). */
export async function prepareStockKernel(): Promise<Kernel> {
  const packageName = await newestKernelPackage()
  const init = await readFile(INIT)
  const key = `${packageName.replace('linux-image-', '')}-${fingerprint([init, BOOT_MODULES.join(' '), 'vmlinux'])}`
  const { directory } = await cached('kernel', key, async (into) => {
    await unpackPackage(packageName, into)
    const version = await moduleVersion(into)
    await run('depmod', ['-b', into, version])
    await extractKernel(join(into, 'boot', `vmlinuz-${version}`), join(into, 'vmlinux'))
    await packInitramfs(into, await bootModules(into, version))
  })
  const version = await moduleVersion(directory)
  return {
    version,
    root: directory,
    // Uncompressed: QEMU starts it at its PVH entry, past BIOS and decompression, which take seconds emulated.
    image: join(directory, 'vmlinux'),
    initramfs: join(directory, 'initramfs'),
  }
}

async function newestKernelPackage(): Promise<string> {
  const text = await run('apt-cache', ['depends', METAPACKAGE])
  const name = /Depends: (linux-image-\S+)/.exec(text)?.[1]
  if (name === undefined) {
    throw new LabError('missing-prerequisite', `apt knows no ${METAPACKAGE}: run apt-get update`)
  }
  return name
}

async function unpackPackage(packageName: string, into: string): Promise<void> {
  await chmod(into, 0o755)
  const download = join(into, 'download')
  await mkdir(download)
  await run('apt-get', ['download', '-q', packageName], { cwd: download })
  for (const file of await readdir(download)) await run('dpkg', ['-x', join(download, file), into])
  await rm(download, { recursive: true })
}

/** Takes the ELF kernel out of a bzImage (Linux, scripts/extract-vmlinux). */
async function extractKernel(bzImage: string, into: string): Promise<void> {
  const start = (await readFile(bzImage)).indexOf(XZ_MAGIC)
  if (start === -1) throw new LabError('command-failed', `${bzImage} holds no xz stream`)
  // What follows the stream is not xz: its exit status says nothing, the first bytes do.
  await run('sh', [
    '-c',
    'tail -c "+$1" "$2" | xz -dcq --single-stream > "$3" || true',
    'sh',
    `${start + 1}`,
    bzImage,
    into,
  ])
  const { stdout } = await attempt('head', ['-c', '4', into])
  if (stdout !== '\x7fELF') throw new LabError('command-failed', `${bzImage} holds no ELF kernel`)
}

/** The files of BOOT_MODULES. */
async function bootModules(root: string, version: string): Promise<string[]> {
  const found = await run('find', [join(root, 'lib', 'modules', version), '-name', '*.ko'])
  const paths = new Map(found.split('\n').map((path) => [basename(path, '.ko'), path]))
  return BOOT_MODULES.map((name) => {
    const path = paths.get(name)
    if (path !== undefined) return path
    throw new LabError('command-failed', `the kernel ${version} has no module ${name}`)
  })
}
