// The kernel that the nodes boot: made ready once, kept in the cache, never installed on the machine.

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { LabError } from '../errors.ts'

export interface Kernel {
  readonly version: string
  /** An ELF file. */
  readonly image: string
  readonly initramfs: string
  /** Holds lib/modules/<version>. */
  readonly root: string
}

/** Of the kernel whose modules are under `root`. */
export async function moduleVersion(root: string): Promise<string> {
  const [version] = await readdir(join(root, 'lib', 'modules'))
  if (version === undefined) throw new LabError('command-failed', `no kernel modules in ${root}`)
  return version
}
