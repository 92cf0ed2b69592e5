// The reference plugins' own specs, changed in one thing: they execute a plugin where they call its functions.

import { chmod, copyFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cached, fingerprintFiles } from '../cache.ts'
import { run } from '../command.ts'
import { PLUGINS_VERSION } from '../tools/reference-plugins.ts'

const EXEC_PLUGIN = join(import.meta.dirname, 'exec_plugin.go')

/** Package of each suite in the reference's module, and what of it is changed. */
const SUITES = {
  bridge: { path: 'plugins/main/bridge', file: 'bridge.go', adapt: withoutCommands },
  'host-local': { path: 'plugins/ipam/host-local', file: 'main.go', adapt: withoutCommands },
  loopback: { path: 'plugins/main/loopback', file: 'loopback_suite_test.go', adapt: withBuiltPlugin },
} as const
export type Suite = keyof typeof SUITES
export const SUITE_NAMES = Object.keys(SUITES) as Suite[]

/** The functions by which the specs call the plugin get another name; exec_plugin.go has those names. */
function withoutCommands(source: string): string {
  return source.replace(/^func cmd(?=(Add|Del|Check|Status|GC)\()/gm, 'func theirCmd')
}

/** loopback's specs execute it already: not one that they build first. */
function withBuiltPlugin(source: string): string {
  return source
    .replace(/gexec\.Build\(.*\)/, 'os.Getenv("PLUGIN_UNDER_TEST"), error(nil)')
    .replace('import (', 'import (\n\t"os"')
}

/** A copy of the module's sources: those in Go's cache are read-only. */
async function copySources(scratch: string): Promise<string> {
  const module = `github.com/containernetworking/plugins@${PLUGINS_VERSION}`
  const { Dir } = JSON.parse(await run('go', ['mod', 'download', '-json', module], { cwd: scratch })) as {
    Dir: string
  }
  const sources = join(scratch, 'plugins')
  await cp(Dir, sources, { recursive: true })
  await run('chmod', ['-R', 'u+w', sources])
  return sources
}

async function buildSuite(sources: string, name: Suite, into: string): Promise<void> {
  const { path, file, adapt } = SUITES[name]
  const target = join(sources, path, file)
  const source = await readFile(target, 'utf8')
  const adapted = adapt(source)
  if (adapted === source) throw new Error(`${path}/${file} is not what the specs' build expects`)
  await writeFile(target, adapted)
  if (adapt === withoutCommands) await copyFile(EXEC_PLUGIN, join(sources, path, 'exec_plugin.go'))
  const env = { CGO_ENABLED: '0', GOFLAGS: '-mod=mod' }
  await run('go', ['test', '-c', '-o', join(into, `${name}.test`), `./${path}`], { cwd: sources, env })
}

/** The folder with one executable for each suite, `<name>.test`. Some two minutes when they have to be built. */
export async function buildReferenceSpecs(): Promise<string> {
  const here = (await readdir(import.meta.dirname)).map((name) => join(import.meta.dirname, name))
  const key = `${PLUGINS_VERSION}-${fingerprintFiles(import.meta.dirname, here)}`
  const { directory } = await cached('reference-specs', key, async (into) => {
    const scratch = await mkdtemp(join(tmpdir(), 'podroute-go-'))
    try {
      const sources = await copySources(scratch)
      for (const name of SUITE_NAMES) await buildSuite(sources, name, into)
      await chmod(into, 0o755)
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  })
  return directory
}
