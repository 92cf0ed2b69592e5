/** Builds kubectl's plugin: one file that needs Node.js 22 and kubectl, with nothing beside it. */
import { chmodSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import { buildPage } from './ui-page.ts'

const ROOT = resolve(import.meta.dirname, '..')

/** @param version as JSON */
export async function buildPlugin(outfile: string, version: string): Promise<void> {
  await build({
    entryPoints: [join(ROOT, 'packages/cli/kubectl/main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    // The file's name has no ending: Node.js takes it for CommonJS, whichever version it is.
    format: 'cjs',
    // In a folder whose package.json says "module" it is taken for one, which has no `require`.
    banner: { js: "var require = process.getBuiltinModule('node:module').createRequire(process.argv[1])" },
    target: 'node22',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'warning',
    define: { PODROUTE_VERSION: version, PODROUTE_UI_PAGE: JSON.stringify(await buildPage()) },
  })
  chmodSync(outfile, 0o755)
}
