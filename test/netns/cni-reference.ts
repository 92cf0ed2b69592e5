// The reference plugins and cnitool, built from their Go modules into the cache: what ours are compared with.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cacheDirectory } from '../../packages/cni/sysroot.ts'

const PLUGINS_VERSION = 'v1.9.1'
const CNI_VERSION = 'v1.3.1'
const PLUGINS_MODULE = 'github.com/containernetworking/plugins/plugins'
const PROGRAMS: Readonly<Record<string, string>> = {
  bridge: `${PLUGINS_MODULE}/main/bridge@${PLUGINS_VERSION}`,
  loopback: `${PLUGINS_MODULE}/main/loopback@${PLUGINS_VERSION}`,
  'host-local': `${PLUGINS_MODULE}/ipam/host-local@${PLUGINS_VERSION}`,
  static: `${PLUGINS_MODULE}/ipam/static@${PLUGINS_VERSION}`,
  portmap: `${PLUGINS_MODULE}/meta/portmap@${PLUGINS_VERSION}`,
  tuning: `${PLUGINS_MODULE}/meta/tuning@${PLUGINS_VERSION}`,
  cnitool: `github.com/containernetworking/cni/cnitool@${CNI_VERSION}`,
}

/** Directory with the newest reference plugins and cnitool; built on first use (a minute). */
export function referencePlugins(): string {
  const target = join(cacheDirectory(), `cni-reference-${PLUGINS_VERSION}-${CNI_VERSION}`)
  if (existsSync(target)) return target
  mkdirSync(cacheDirectory(), { recursive: true })
  const building = mkdtempSync(join(cacheDirectory(), 'cni-reference-building-'))
  const scratch = mkdtempSync(join(tmpdir(), 'podroute-go-'))
  try {
    const env = { ...process.env, GOBIN: building, CGO_ENABLED: '0', GOFLAGS: '-trimpath' }
    for (const program of Object.values(PROGRAMS))
      execFileSync('nice', ['go', 'install', '-ldflags=-s -w', program], {
        env,
        cwd: scratch,
        stdio: ['ignore', 'ignore', 'pipe'],
      })
    renameSync(building, target)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
    rmSync(building, { recursive: true, force: true })
  }
  return target
}

if (import.meta.main) console.log(referencePlugins())
