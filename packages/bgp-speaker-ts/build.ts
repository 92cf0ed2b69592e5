// Builds the package that is published: JavaScript with declarations, and a manifest with the entry points of this folder's.
// node packages/bgp-speaker-ts/build.ts --out DIR; then `npm pack DIR` or `npm publish DIR`
import { execFileSync } from 'node:child_process'
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const HERE = import.meta.dirname
const TOP = resolve(HERE, '../..')
/** Where the JavaScript is inside of the package. */
const LIBRARY = 'lib'

interface Manifest {
  readonly exports: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

const manifest = JSON.parse(readFileSync(join(HERE, 'package.json'), 'utf8')) as Manifest
/** Name to source file; patterns are for this repository only, which imports the sources. */
const entries = Object.entries(manifest.exports).filter(([name]) => !name.includes('*'))

function compile(out: string): void {
  const scratch = mkdtempSync(join(tmpdir(), 'bgp-speaker-ts-'))
  const config = {
    extends: join(TOP, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      allowImportingTsExtensions: false,
      rewriteRelativeImportExtensions: true,
      declaration: true,
      rootDir: HERE,
      outDir: out,
      types: ['node'],
      typeRoots: [join(TOP, 'node_modules/@types')],
    },
    include: [],
    files: entries.map(([, file]) => join(HERE, file)),
  }
  try {
    const path = join(scratch, 'tsconfig.json')
    writeFileSync(path, JSON.stringify(config))
    execFileSync(join(TOP, 'node_modules/.bin/tsc'), ['-p', path], { stdio: 'inherit' })
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

/** The compiler leaves imports of declarations and URLs of workers as they are. @throws Error for a reference to a source that it does not know */
function rewriteReferences(out: string): void {
  for (const file of globSync('**/*.{js,d.ts}', { cwd: out })) {
    const path = join(out, file)
    const text = readFileSync(path, 'utf8')
      .replace(/(\bfrom |\bimport\()(['"])(\.{1,2}\/[^'"]+)\.ts\2/g, '$1$2$3.js$2')
      .replace(/(new URL\(')(\.\/[\w-]+)\.ts(', import\.meta\.url\))/g, '$1$2.js$3')
    const left = /['"]\.{1,2}\/[^'"\n]*\.ts['"]/.exec(text)
    if (left !== null) throw new Error(`${file} refers to the source ${left[0]}`)
    writeFileSync(path, text)
  }
}

function publishedManifest(): object {
  const { private: _private, exports: _exports, ...rest } = manifest
  const built = (file: string, extension: string) =>
    `./${LIBRARY}/${file.replace(/^\.\//, '').replace(/\.ts$/, extension)}`
  const names = entries.map(([name, file]) => [
    name,
    { types: built(file, '.d.ts'), default: built(file, '.js') },
  ])
  return {
    ...rest,
    types: built(manifest.exports['.']!, '.d.ts'),
    exports: { ...Object.fromEntries(names), './package.json': './package.json' },
    sideEffects: [built(manifest.exports['./bfd/worker']!, '.js')],
    files: [LIBRARY, 'examples'],
  }
}

const { values } = parseArgs({ options: { out: { type: 'string', default: join(HERE, 'dist') } } })
const out = resolve(values.out)
rmSync(out, { recursive: true, force: true })
mkdirSync(join(out, 'examples'), { recursive: true })
compile(join(out, LIBRARY))
rewriteReferences(join(out, LIBRARY))
writeFileSync(join(out, 'package.json'), `${JSON.stringify(publishedManifest(), null, 2)}\n`)
cpSync(join(TOP, 'LICENSE'), join(out, 'LICENSE'))
cpSync(join(HERE, 'README.md'), join(out, 'README.md'))
for (const name of globSync('*.ts', { cwd: join(HERE, 'examples') }).filter(
  (file) => !/\.test\.ts$/.test(file),
))
  cpSync(join(HERE, 'examples', name), join(out, 'examples', name))
