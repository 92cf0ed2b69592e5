// What reads a dashboard as Grafana's published types have it (its foundation SDK, a Go module): Grafana itself is not in Debian.

import { join } from 'node:path'
import { cached, fingerprintFiles } from '../cache.ts'
import { run } from '../command.ts'

const SOURCES = join(import.meta.dirname, 'grafana')

/** Path of the program, which reads a dashboard from its standard input. Half a minute when it has to be built. */
export async function buildGrafanaCheck(): Promise<string> {
  const files = ['main.go', 'go.mod', 'go.sum'].map((name) => join(SOURCES, name))
  const { directory } = await cached(
    'grafana-check',
    fingerprintFiles(SOURCES, files, [process.arch]),
    async (into) => {
      const env = { CGO_ENABLED: '0', GOFLAGS: '-trimpath' }
      await run('go', ['build', '-ldflags=-s -w', '-o', join(into, 'grafana-check'), '.'], {
        cwd: SOURCES,
        env,
      })
    },
  )
  return join(directory, 'grafana-check')
}
