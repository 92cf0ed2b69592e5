/** Makes the page of `podroute ui`: one file with its script and style in it, which asks nothing of anybody but its own server. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'

const PAGE = resolve(import.meta.dirname, '..', 'packages', 'ui', 'page')

export async function buildPage(): Promise<string> {
  const [script, style] = [await bundle('main.ts'), await bundle('style.css')]
  // What the script says must not end its element.
  const safe = script.replaceAll('</script', '<\\/script')
  return readFileSync(join(PAGE, 'index.html'), 'utf8')
    .replace('/*STYLE*/', () => style.trim())
    .replace('/*SCRIPT*/', () => safe.trim())
}

async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(PAGE, entry)],
    bundle: true,
    write: false,
    format: 'iife',
    // What browsers of 2024 understand.
    target: ['chrome117', 'firefox119', 'safari17.4'],
    minify: true,
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'warning',
  })
  return outputFiles[0]!.text
}
