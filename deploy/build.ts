/**
 * Builds what ships: node deploy/build.ts --out dist
 *   agent.mjs, podroute.mjs   bundles of the agent and the command line
 *   koffi/                    the native file that agent.mjs loads
 *   cni/                      the CNI plugins (packages/cni/build.ts)
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { build, type Plugin } from 'esbuild'

const ROOT = resolve(import.meta.dirname, '..')

/**
 * Of the Kubernetes client only its configuration is used: kubeconfigs, tokens, certificates. What that file imports for other
 * ways of asking is half of the agent's memory: 80 MB against 48 after loading (undici, OpenID Connect, all API models).
 */
const UNUSED_BY_CLIENT =
  /^(undici|openid-client|jsonpath-plus|socks-proxy-agent|socks|hpagent|\.\/gen\/index\.js)$/

const leaveOut: Plugin = {
  name: 'leave-out',
  setup(bundle) {
    // An optional tracing interface of prom-client.
    bundle.onResolve({ filter: /^@opentelemetry\/api$/ }, ({ path }) => ({ path, namespace: 'left-out' }))
    bundle.onResolve({ filter: UNUSED_BY_CLIENT }, ({ path, importer }) =>
      importer.includes('@kubernetes/client-node') ? { path, namespace: 'left-out' } : undefined,
    )
    bundle.onLoad({ filter: /.*/, namespace: 'left-out' }, ({ path }) => ({
      contents: `module.exports = new Proxy({}, { get: (_, name) => class {
        constructor() { throw new Error('not in this bundle: ${path} ' + String(name)) }
      } })`,
    }))
  },
}

/**
 * An ES module that imports a built-in one reads everything that it exports, and `node:http` loads the whole of fetch and
 * WebSocket for that: 13 MB. Asked for in this way it gives what is used.
 */
const builtins: Plugin = {
  name: 'builtins',
  setup(bundle) {
    bundle.onResolve({ filter: /./ }, ({ path }) =>
      isBuiltin(path) ? { path: path.replace(/^node:/, ''), namespace: 'builtin' } : undefined,
    )
    bundle.onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)})`,
    }))
  },
}

/** CommonJS modules ask for `require`; koffi looks for its native file where an Electron application keeps it. */
const BANNER = `const require = process.getBuiltinModule('module').createRequire(import.meta.url)
process.resourcesPath ??= import.meta.dirname`

async function bundle(entry: string, outfile: string, version: string): Promise<void> {
  await build({
    entryPoints: [join(ROOT, entry)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: false,
    legalComments: 'none',
    logLevel: 'warning',
    banner: { js: BANNER },
    define: { PODROUTE_VERSION: JSON.stringify(version) },
    plugins: [leaveOut, builtins],
  })
}

/** `koffi/linux_x64/koffi.node` of every platform package that npm installed. */
function copyKoffi(out: string): void {
  const scope = join(ROOT, 'node_modules', '@koromix')
  for (const name of readdirSync(scope).filter((n) => n.startsWith('koffi-linux-'))) {
    for (const triplet of readdirSync(join(scope, name)).filter((t) => t.startsWith('linux_'))) {
      cpSync(join(scope, name, triplet), join(out, 'koffi', triplet), { recursive: true })
    }
  }
}

const { values } = parseArgs({
  options: { out: { type: 'string', default: 'dist' }, 'skip-cni': { type: 'boolean' } },
})
const out = resolve(values.out)
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
mkdirSync(dirname(out), { recursive: true })
for (const name of ['agent.mjs', 'podroute.mjs', 'koffi'])
  rmSync(join(out, name), { recursive: true, force: true })
await bundle('packages/agent/main.ts', join(out, 'agent.mjs'), version)
await bundle('packages/cli/main.ts', join(out, 'podroute.mjs'), version)
copyKoffi(out)
if (!values['skip-cni']) {
  execFileSync(process.execPath, [join(ROOT, 'packages/cni/build.ts'), '--out', join(out, 'cni')], {
    stdio: 'inherit',
  })
}
