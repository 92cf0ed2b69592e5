// Builds Kubernetes and etcd from this folder's Go module into the cache: once a machine and version.

import { link, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cached, fingerprintFiles } from '../cache.ts'
import { run } from '../command.ts'

export const KUBERNETES_VERSION = '1.35.4'

/** The names under which the one program is linked. */
export const COMPONENTS = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'kubectl',
] as const

export type Component = (typeof COMPONENTS)[number]

const SOURCES = ['go.mod', 'go.sum', 'main.go']

export function linkerFlags(): string {
  const [major, minor] = KUBERNETES_VERSION.split('.')
  const version = 'k8s.io/component-base/version'
  return `-s -w -X ${version}.gitVersion=v${KUBERNETES_VERSION} -X ${version}.gitMajor=${major} -X ${version}.gitMinor=${minor}`
}

/** Packages that are compiled with inlining: the servers spend most of their time there. All others are compiled without. */
const OPTIMIZED = ['std', 'google.golang.org/...', 'github.com/gogo/...', 'sigs.k8s.io/json/...']

/**
 * What makes the compiler quicker, by half: no information for debuggers (which the linker would drop), no inlining where it matters little, and
 * no collection of its memory before a compiler has a gigabyte; few take half of that.
 */
export const QUICKER = {
  flags: ['-gcflags=all=-dwarf=false -l', ...OPTIMIZED.map((pattern) => `-gcflags=${pattern}=-dwarf=false`)],
  env: { GOGC: 'off', GOMEMLIMIT: '1GiB' },
} as const

function cacheKey(): string {
  const folder = import.meta.dirname
  const files = SOURCES.map((name) => join(folder, name))
  return `${KUBERNETES_VERSION}-${fingerprintFiles(folder, files, [linkerFlags(), process.arch])}`
}

/**
 * The folder that holds the program under each of its names. About 4 minutes on two cores when it has to be
 * built; `onOutput` then gets the Go tool's output, a line a package.
 */
export async function buildControlPlane(onOutput: (text: string) => void = () => {}): Promise<string> {
  const { directory } = await cached('kubernetes', cacheKey(), async (into) => {
    await run(
      'go',
      [
        'build',
        '-v',
        '-trimpath',
        '-buildvcs=false',
        ...QUICKER.flags,
        '-ldflags',
        linkerFlags(),
        '-o',
        join(into, 'kubernetes'),
        '.',
      ],
      {
        cwd: import.meta.dirname,
        env: { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', ...QUICKER.env },
        onOutput,
      },
    )
    await linkComponents(into)
  })
  return directory
}

async function linkComponents(directory: string): Promise<void> {
  const present = new Set(await readdir(directory))
  for (const name of COMPONENTS) {
    if (!present.has(name)) await link(join(directory, 'kubernetes'), join(directory, name))
  }
}
