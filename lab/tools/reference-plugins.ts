// The reference CNI plugins and cnitool, from their Go modules: what the tests and benchmarks compare podroute's with.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cached } from '../cache.ts'
import { run } from '../command.ts'

/** Of the module github.com/containernetworking/plugins. */
export const PLUGINS_VERSION = 'v1.10.0'
const CNI_VERSION = 'v1.3.1'
const PLUGINS = [
  'main/bridge',
  'main/loopback',
  'ipam/host-local',
  'ipam/static',
  'meta/portmap',
  'meta/tuning',
]
const MODULES = [
  ...PLUGINS.map((name) => `github.com/containernetworking/plugins/plugins/${name}@${PLUGINS_VERSION}`),
  `github.com/containernetworking/cni/cnitool@${CNI_VERSION}`,
]

/** The folder that holds each program under its own name. About a minute when they have to be built. */
export async function buildReferencePlugins(): Promise<string> {
  const { directory } = await cached(
    'reference-plugins',
    `${PLUGINS_VERSION}-${CNI_VERSION}`,
    async (into) => {
      const scratch = await mkdtemp(join(tmpdir(), 'podroute-go-'))
      try {
        const env = { GOBIN: into, CGO_ENABLED: '0', GOFLAGS: '-trimpath' }
        for (const module of MODULES)
          await run('go', ['install', '-ldflags=-s -w', module], { cwd: scratch, env })
      } finally {
        await rm(scratch, { recursive: true, force: true })
      }
    },
  )
  return directory
}
