/** What the bundler does with modules that are not needed, or not yet. */
import { isBuiltin } from 'node:module'
import type { Plugin } from 'esbuild'

/**
 * Of the Kubernetes client only its configuration is used: kubeconfigs, tokens, certificates. What that file imports for other
 * ways of asking is half of the agent's memory: 80 MB against 48 after loading (undici, OpenID Connect, all API models).
 */
const UNUSED_BY_CLIENT =
  /^(undici|openid-client|jsonpath-plus|socks-proxy-agent|socks|hpagent|\.\/gen\/index\.js)$/

export const leaveOut: Plugin = {
  name: 'leave-out',
  setup(bundle) {
    // An optional tracing interface of prom-client.
    bundle.onResolve({ filter: /^@opentelemetry\/api$/ }, ({ path }) => ({ path, namespace: 'left-out' }))
    bundle.onResolve({ filter: UNUSED_BY_CLIENT }, ({ path, importer }) =>
      importer.includes('@kubernetes/client-node') ? { path, namespace: 'left-out' } : undefined,
    )
    // It reads kubeconfigs by another YAML library than the configuration is read by: one is enough.
    bundle.onResolve({ filter: /^js-yaml$/ }, ({ path }) => ({ path, namespace: 'yaml' }))
    bundle.onLoad({ filter: /./, namespace: 'yaml' }, () => ({
      resolveDir: import.meta.dirname,
      contents: `export { parse as load, stringify as dump } from 'yaml'`,
    }))
    bundle.onLoad({ filter: /.*/, namespace: 'left-out' }, ({ path }) => ({
      contents: `module.exports = new Proxy({}, { get: (_, name) => class {
        constructor() { throw new Error('not in this bundle: ${path} ' + String(name)) }
      } })`,
    }))
  },
}

/** What holds native objects once it is loaded, which no snapshot can: it is loaded when something of it is first used. */
const NOT_IN_SNAPSHOTS = /^(tls|https?|http2)$/

/**
 * An ES module that imports a built-in one reads everything that it exports, and `node:http` loads the whole of fetch and
 * WebSocket for that: 13 MB. Asked for in this way it gives what is used.
 */
export const builtins: Plugin = {
  name: 'builtins',
  setup(bundle) {
    bundle.onResolve({ filter: /./ }, ({ path }) =>
      isBuiltin(path) ? { path: path.replace(/^node:/, ''), namespace: 'builtin' } : undefined,
    )
    bundle.onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => {
      const load = `process.getBuiltinModule(${JSON.stringify(path)})`
      return { contents: NOT_IN_SNAPSHOTS.test(path) ? whenUsed(load) : `module.exports = ${load}` }
    })
  },
}

/** koffi loads native code at once; a snapshot must not, and finds it where the agent is installed, not where it was built. */
export const lateKoffi: Plugin = {
  name: 'late-koffi',
  setup(bundle) {
    bundle.onResolve({ filter: /^koffi$/ }, ({ path, namespace, resolveDir }) =>
      namespace === 'late' ? undefined : { path, namespace: 'late', pluginData: resolveDir },
    )
    bundle.onLoad({ filter: /./, namespace: 'late' }, ({ path, pluginData }) => ({
      resolveDir: pluginData,
      // Where an Electron application keeps it is one of the places where koffi looks for its native file.
      contents: `const { dirname, resolve } = process.getBuiltinModule('path')
        const load = () => {
          process.resourcesPath ??= dirname(resolve(process.argv[1]))
          return require(${JSON.stringify(path)}).default
        }
        ${whenUsed('load()')}`,
    }))
  },
}

/** A module that is loaded when a property of it is first asked for. Bundled importers inherit from what its prototype is. */
function whenUsed(load: string): string {
  return `let loaded
    module.exports = Object.create(new Proxy({}, { get: (_, name) => (loaded ??= ${load})[name] }))`
}
