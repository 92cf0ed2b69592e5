// Builds upstream's end-to-end tests, what runs them and what runs in their pods: once a machine and version.

import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { cached, fingerprintFiles } from '../cache.ts'
import { run } from '../command.ts'
import { KUBERNETES_VERSION, linkerFlags, QUICKER } from '../control-plane/build.ts'

/** The Go module of the control plane: its upstream.go names these packages. */
const KUBERNETES = join(import.meta.dirname, '..', 'control-plane')
const COREDNS = join(import.meta.dirname, '..', 'coredns')

const TESTS = 'k8s.io/kubernetes/test/e2e'
const PROGRAMS = [
  'github.com/onsi/ginkgo/v2/ginkgo',
  'k8s.io/kubernetes/test/images/agnhost',
  'k8s.io/kubernetes/test/images/regression-issue-74839',
]

const SOURCES = [
  join(KUBERNETES, 'go.mod'),
  join(KUBERNETES, 'go.sum'),
  join(COREDNS, 'go.mod'),
  join(COREDNS, 'go.sum'),
  join(COREDNS, 'main.go'),
]

/** Names of the files that `buildUpstream` leaves in its folder. */
export const UPSTREAM_PROGRAMS = [
  'e2e.test',
  'ginkgo',
  'agnhost',
  'regression-issue-74839',
  'coredns',
] as const

export type UpstreamProgram = (typeof UPSTREAM_PROGRAMS)[number]

/**
 * The folder that holds the programs. About 4 minutes on two cores when they have to be built after the control
 * plane, whose packages they share; `onOutput` then gets the Go tool's output, a line a package.
 */
export async function buildUpstream(onOutput: (text: string) => void = () => {}): Promise<string> {
  const flags = ['-v', '-trimpath', '-buildvcs=false', '-ldflags', linkerFlags()]
  const key = fingerprintFiles(join(KUBERNETES, '..'), SOURCES, [...flags, TESTS, ...PROGRAMS, process.arch])
  // As the control plane's packages are compiled, or none would be shared.
  const all = [...QUICKER.flags, ...flags]
  const env = { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', ...QUICKER.env }
  const build = (cwd: string, ...args: string[]) => run('go', args, { cwd, env, onOutput })
  const { directory } = await cached('upstream', `${KUBERNETES_VERSION}-${key}`, async (into) => {
    await chmod(into, 0o755) // what the nodes read
    await build(KUBERNETES, 'build', ...all, '-o', `${into}/`, ...PROGRAMS)
    await build(COREDNS, 'build', ...all, '-o', `${into}/`, '.')
    await build(KUBERNETES, 'test', '-c', '-vet=off', ...all, '-o', join(into, 'e2e.test'), TESTS)
  })
  return directory
}
