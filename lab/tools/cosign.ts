// cosign and a registry of images, from their Go modules: they judge the signatures of a release.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cached, fingerprint } from '../cache.ts'
import { run } from '../command.ts'
import { QUICKER } from '../control-plane/build.ts'

const PROGRAMS = [
  'github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3',
  'github.com/google/go-containerregistry/cmd/crane@v0.21.7',
]

/** Folder of the programs cosign and crane. Five minutes when they have to be built: cosign knows the key services of all clouds. */
export async function buildCosign(): Promise<string> {
  const { directory } = await cached('cosign', fingerprint(PROGRAMS), async (into) => {
    const scratch = await mkdtemp(join(tmpdir(), 'podroute-go-'))
    try {
      const env = { GOBIN: into, CGO_ENABLED: '0', GOFLAGS: '-trimpath', ...QUICKER.env }
      for (const program of PROGRAMS)
        await run('go', ['install', ...QUICKER.flags, '-ldflags=-s -w', program], { cwd: scratch, env })
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  })
  return directory
}
