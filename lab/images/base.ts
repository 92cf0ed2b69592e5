// The Debian that the image's runtime stage starts from, made from the package archive: the lab needs no image
// registry.

import { join } from 'node:path'
import { cached, fingerprint } from '../cache.ts'
import { run } from '../command.ts'
import { type Architecture, emulated, MACHINE } from './emulated.ts'

const SUITE = 'trixie'
const PACKAGES = ['apt', 'busybox-static', 'ca-certificates', 'libnftables1', 'libstdc++6', 'nftables']
/** What no image needs. */
const EXCLUDED = ['doc', 'info', 'locale', 'man']

/** Path of a tar with the root file system; about 30 s the first time, 4 minutes where its programs are emulated. */
export async function buildBase(architecture: Architecture = MACHINE): Promise<string> {
  const options = [
    '--variant=essential',
    `--include=${PACKAGES.join(',')}`,
    ...EXCLUDED.map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
    // It would want a package that tries whether they can be run.
    ...(architecture === MACHINE
      ? []
      : ['--mode=root', `--architectures=${architecture}`, '--skip=check/qemu']),
  ]
  const { directory } = await cached('base', fingerprint([SUITE, ...options]), async (into) => {
    const [program, ...before] = emulated(architecture, 'mmdebstrap')
    await run(program, [...before, '--quiet', ...options, SUITE, join(into, 'base.tar')])
  })
  return join(directory, 'base.tar')
}
