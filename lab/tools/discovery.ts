// What Prometheus finds by kubernetes_sd_configs, by Prometheus' own code: Debian's is built without it.

import { join } from 'node:path'
import { cached, fingerprintFiles } from '../cache.ts'
import { run } from '../command.ts'
import { QUICKER } from '../control-plane/build.ts'

const SOURCES = join(import.meta.dirname, 'discovery')

/** Path of the program: `discovery PROMETHEUS.yaml KUBECONFIG TARGETS.json`. Two minutes when it has to be built: Kubernetes' client is in it. */
export async function buildDiscovery(): Promise<string> {
  const files = ['main.go', 'go.mod', 'go.sum'].map((name) => join(SOURCES, name))
  const key = fingerprintFiles(SOURCES, files, [process.arch])
  const { directory } = await cached('discovery', key, async (into) => {
    const flags = ['-trimpath', '-buildvcs=false', ...QUICKER.flags, '-ldflags', '-s -w']
    await run('go', ['build', ...flags, '-o', join(into, 'discovery'), '.'], {
      cwd: SOURCES,
      env: { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', ...QUICKER.env },
    })
  })
  return join(directory, 'discovery')
}
