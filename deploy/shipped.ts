/** What of others is in the image, with licences as SPDX writes them: THIRD-PARTY.md and the bill of materials (sbom.ts) are made of this. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '..')

interface Program {
  readonly name: string
  readonly where: string
  readonly licence: string
}

/** Beside what Debian and npm bring: see Dockerfile and packages/cni/sysroot.ts. */
export const PROGRAMS: readonly Program[] = [
  // And those of its own parts: LICENSE of Node.js.
  { name: 'Node.js', where: '`/usr/local/bin/node`', licence: 'MIT' },
  { name: 'QuickJS', where: 'in the CNI plugins', licence: 'MIT' },
  { name: 'musl', where: 'in the CNI plugins', licence: 'MIT' },
]

/** Debian's packages that files of the image are from (collect.sh). */
export const DEBIAN: Readonly<Record<string, string>> = {
  'busybox-static': 'GPL-2.0-only',
  'ca-certificates': 'MPL-2.0 AND GPL-2.0-or-later',
  libbsd0: 'BSD-3-Clause',
  libc6: 'LGPL-2.1-or-later',
  libedit2: 'BSD-3-Clause',
  'libgcc-s1': 'GPL-3.0-or-later WITH GCC-exception-3.1',
  libgmp10: 'LGPL-3.0-or-later OR GPL-2.0-or-later',
  libjansson4: 'MIT',
  libmd0: 'BSD-3-Clause',
  libmnl0: 'LGPL-2.1-or-later',
  libnftables1: 'GPL-2.0-only AND GPL-2.0-or-later',
  libnftnl11: 'GPL-2.0-or-later',
  'libstdc++6': 'GPL-3.0-or-later WITH GCC-exception-3.1',
  libtinfo6: 'X11',
  libxtables12: 'GPL-2.0-or-later',
  nftables: 'GPL-2.0-only',
}

export interface LockedPackage {
  readonly version?: string
  readonly license?: string
  readonly integrity?: string
  readonly resolved?: string
  readonly dev?: boolean
  readonly link?: boolean
  readonly os?: readonly string[]
}

/** Of package-lock.json what the agent and the command line may be bundled from, each name and version once. */
export function lockedPackages(): [name: string, entry: LockedPackage][] {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, LockedPackage>>
  }
  const found = new Map<string, [string, LockedPackage]>()
  for (const [path, entry] of Object.entries(packages)) {
    const name = path.split('node_modules/').at(-1) ?? ''
    const ships = path.startsWith('node_modules/') && !entry.dev && !entry.link
    if (ships && (entry.os?.includes('linux') ?? true)) found.set(`${name} ${entry.version}`, [name, entry])
  }
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
}
