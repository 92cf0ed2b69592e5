// Helm, from its Go module: it lints and renders the chart in the tests.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cached } from '../cache.ts'
import { run } from '../command.ts'

const VERSION = 'v3.19.4'

/** Path of the program. Two minutes when it has to be built. */
export async function buildHelm(): Promise<string> {
  const { directory } = await cached('helm', VERSION, async (into) => {
    const scratch = await mkdtemp(join(tmpdir(), 'podroute-go-'))
    try {
      const env = { GOBIN: into, CGO_ENABLED: '0', GOFLAGS: '-trimpath' }
      await run('go', ['install', '-ldflags=-s -w', `helm.sh/helm/v3/cmd/helm@${VERSION}`], {
        cwd: scratch,
        env,
      })
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  })
  return join(directory, 'helm')
}
