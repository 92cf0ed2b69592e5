/**
 * Builds what ships: node deploy/build.ts --out dist
 *   agent.cjs, podroute.mjs   bundles of the agent and the command line
 *   kubectl-podroute          bundle of kubectl's plugin: one file, for a path of the user's
 *   bfd-worker.cjs            the agent's BFD thread
 *   agent.blob                the agent as Node.js holds it in memory once it is loaded, for this Node.js only
 *   agent.blob.pages          what of it the agent needs no memory for once it runs
 *   koffi/                    the native file that the agent loads
 *   cni/                      the CNI plugins (packages/cni/build.ts)
 * For another architecture than this machine's: --arch arm64 --node NODE --emulator COMMAND --koffi FOLDER, its Node.js of the same version, what
 * runs that here, and its package of koffi, which npm does not install.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type BuildOptions, build } from 'esbuild'
import { WITHOUT_COMPILERS } from '../packages/agent/compilers.ts'
import { pagesOf, snapshotPages } from '../packages/agent/snapshot-pages.ts'
import { buildPlugin } from './kubectl-plugin.ts'
import { agentSettings } from './manifest.ts'
import { builtins, lateKoffi, leaveOut } from './plugins.ts'
import { keepCodeOf, LOADED_AT_START } from './snapshot-code.ts'
import { buildPage } from './ui-page.ts'

const ROOT = resolve(import.meta.dirname, '..')
const LOADER = join(import.meta.dirname, 'snapshot.cjs')

/** What CommonJS modules ask for, in either format. */
const FORMATS = {
  esm: [
    `const require = process.getBuiltinModule('module').createRequire(import.meta.url)`,
    // koffi looks for its native file beside itself.
    `const __filename = import.meta.filename, __dirname = import.meta.dirname`,
  ].join(';'),
  // In a snapshot the one that Node.js hands over knows built-in modules only.
  cjs: `require = process.getBuiltinModule('module').createRequire(__filename)`,
} as const

/**
 * The first datagram socket loads `node:cluster`, which loads all that a primary needs to start processes: in a thread of a process that
 * was started from a snapshot Node.js ends with that process (24.21: "pipe_constructor_template_.IsEmpty()"). What a cluster's worker
 * needs it can load. A thread has environment variables of its own.
 */
const AS_CLUSTER_WORKER = `process.env.NODE_UNIQUE_ID ??= 'thread'`

async function bundle(format: keyof typeof FORMATS, entry: string, options: BuildOptions): Promise<void> {
  await build({
    entryPoints: [join(ROOT, entry)],
    bundle: true,
    platform: 'node',
    format,
    target: 'node24',
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: false,
    legalComments: 'none',
    logLevel: 'warning',
    banner: { js: FORMATS[format] },
    plugins: [lateKoffi, leaveOut, builtins],
    ...options,
  })
}

/**
 * Loads the agent up to the point where it would read its configuration, and keeps the heap as it is then: starting from that
 * takes as long as starting Node.js alone. The flags are those with which it will run, because compiled code counts for one set
 * of flags only.
 */
function makeSnapshot(agent: string, blob: string): void {
  const { flags } = agentSettings()
  const options = [...flags, ...WITHOUT_COMPILERS, '--snapshot-blob', blob, '--build-snapshot']
  const [program, ...before] = [...emulator, node]
  execFileSync(program!, [...before, ...options, LOADER, agent], { stdio: 'inherit' })
  const snapshot = keepCodeOf(LOADED_AT_START, readFileSync(blob))
  writeFileSync(blob, snapshot)
  writeFileSync(pagesOf(blob), snapshotPages(snapshot, process.versions.v8))
}

/** Of every platform package that npm installed. */
function koffiPackages(): readonly string[] {
  const scope = join(ROOT, 'node_modules', '@koromix')
  return readdirSync(scope)
    .filter((name) => name.startsWith('koffi-linux-'))
    .map((name) => join(scope, name))
}

/** `koffi/linux_x64/koffi.node`, and so on. */
function copyKoffi(out: string, packages: readonly string[]): void {
  for (const folder of packages) {
    for (const triplet of readdirSync(folder).filter((t) => t.startsWith('linux_'))) {
      cpSync(join(folder, triplet), join(out, 'koffi', triplet), { recursive: true })
    }
  }
}

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'dist' },
    'skip-cni': { type: 'boolean' },
    arch: { type: 'string' },
    node: { type: 'string', default: process.execPath },
    emulator: { type: 'string', default: '' },
    koffi: { type: 'string' },
  },
})
const { node } = values
const emulator = values.emulator.split(' ').filter((word) => word !== '')
const out = resolve(values.out)
const agent = join(out, 'agent.cjs')
const blob = join(out, 'agent.blob')
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
const BFD_WORKER = 'bfd-worker.cjs'
const define = {
  PODROUTE_VERSION: JSON.stringify(version),
  PODROUTE_BFD_WORKER: JSON.stringify(BFD_WORKER),
}
mkdirSync(dirname(out), { recursive: true })
for (const name of [
  'agent.cjs',
  BFD_WORKER,
  'agent.blob',
  'agent.blob.pages',
  'podroute.mjs',
  'kubectl-podroute',
  'koffi',
])
  rmSync(join(out, name), { recursive: true, force: true })
// The address of the BFD thread's source, which is not what a bundle starts.
const ofAgent = { ...define, 'import.meta.url': 'undefined' }
await bundle('cjs', 'packages/agent/main.ts', { outfile: agent, define: ofAgent })
await bundle('cjs', 'packages/bgp-speaker-ts/bfd/worker.ts', {
  outfile: join(out, BFD_WORKER),
  banner: { js: AS_CLUSTER_WORKER },
})
await bundle('esm', 'packages/cli/main.ts', {
  outfile: join(out, 'podroute.mjs'),
  // Half a megabyte; nobody reads its stack traces.
  minifyIdentifiers: true,
  define: { ...define, PODROUTE_UI_PAGE: JSON.stringify(await buildPage()) },
})
await buildPlugin(join(out, 'kubectl-podroute'), define.PODROUTE_VERSION)
makeSnapshot(agent, blob)
copyKoffi(out, values.koffi === undefined ? koffiPackages() : [resolve(values.koffi)])
if (!values['skip-cni']) {
  const args = ['--out', join(out, 'cni'), ...(values.arch === undefined ? [] : ['--arch', values.arch])]
  execFileSync(process.execPath, [join(ROOT, 'packages/cni/build.ts'), ...args], { stdio: 'inherit' })
}
