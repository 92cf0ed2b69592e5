// The small initial file system that mounts the machine's root in the guest.

import { chmod, copyFile, mkdir, rm, symlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { run } from '../command.ts'

/** First process of a guest. */
export const INIT = join(import.meta.dirname, 'initramfs.sh')

/** Packs INIT and the files of modules, in an order that insmod accepts, into `folder`/initramfs. */
export async function packInitramfs(folder: string, modules: readonly string[] = []): Promise<void> {
  const tree = join(folder, 'initramfs.d')
  for (const name of ['bin', 'dev', 'proc', 'sys', 'lower', 'upper', 'root', 'modules']) {
    await mkdir(join(tree, name), { recursive: true })
  }
  await copyFile('/bin/busybox', join(tree, 'bin', 'busybox'))
  await symlink('busybox', join(tree, 'bin', 'sh'))
  await copyFile(INIT, join(tree, 'init'))
  await chmod(join(tree, 'init'), 0o755)
  for (const [index, path] of modules.entries()) {
    await copyFile(path, join(tree, 'modules', `${String(index).padStart(2, '0')}-${basename(path)}`))
  }
  const packed = join(folder, 'initramfs')
  await run('sh', ['-c', 'cd "$1" && find . | cpio --quiet -o -H newc > "$2"', 'sh', tree, packed])
  await rm(tree, { recursive: true })
}
