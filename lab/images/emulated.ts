// Programs of another architecture, emulated by Debian's qemu-user-static.

import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Of the image. */
export const ARCHITECTURES = ['amd64', 'arm64'] as const
export type Architecture = (typeof ARCHITECTURES)[number]

/** This machine's. */
export const MACHINE: Architecture = process.arch === 'arm64' ? 'arm64' : 'amd64'

/** As the kernel and QEMU call them. */
const NAMES: Readonly<Record<Architecture, string>> = { amd64: 'x86_64', arm64: 'aarch64' }

/** What runs one program. Its libraries are those below `tree`. */
export const emulator = (architecture: Architecture, tree: string): readonly string[] =>
  architecture === MACHINE ? [] : [`qemu-${NAMES[architecture]}-static`, '-L', tree]

/**
 * A command that programs of the architecture are started by, in containers and other roots, too. Where the kernel does not know the emulator
 * (Debian's binfmt-support tells it), it is told in a user namespace of the command's own, so that the machine stays as it is: Linux 6.7.
 */
export function emulated(architecture: Architecture, program: string): [string, ...string[]] {
  if (architecture === MACHINE || existsSync(`/proc/sys/fs/binfmt_misc/qemu-${NAMES[architecture]}`))
    return [program]
  return ['bash', join(import.meta.dirname, 'emulated.sh'), NAMES[architecture], program]
}
