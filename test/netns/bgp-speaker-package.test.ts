// The BGP library as others get it: packed, installed into an empty project, compiled against and run by both releases of Node.js.
import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { fetchNode22 } from '../../lab/tools/node-22.ts'

const TOP = join(import.meta.dirname, '../..')
const LIBRARY = join(TOP, 'packages/bgp-speaker-ts')

interface Manifest {
  readonly private?: boolean
  readonly types: string
  readonly engines: { readonly node: string }
  readonly dependencies?: object
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
}

/** Programs of the README, which stand in fences of `ts`. */
const examples = [...readFileSync(join(LIBRARY, 'README.md'), 'utf8').matchAll(/^```ts\n(.*?)^```/gms)].map(
  (match) => match[1]!,
)

function run(cwd: string, command: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 60_000 })
  expect(status, `${command} ${args.join(' ')}: ${stdout}${stderr}`).to.equal(0)
  return stdout
}

/** Two BFD sessions in two threads that see each other. */
const BFD = `import { Bfd } from 'bgp-speaker-ts/bfd'
const fast = { desiredMinTx: 50, requiredMinRx: 50 }
const ends = ['127.0.77.1', '127.0.77.2']
const both = ends.map(() => new Bfd())
await Promise.all(both.map((bfd, i) => new Promise<void>((up) => {
  bfd.on('up', () => up())
  bfd.addSession({ local: ends[i]!, peer: ends[1 - i]!, ...fast })
})))
console.log('both up')
await Promise.all(both.map((bfd) => bfd.close()))
`

describe('the published package bgp-speaker-ts', function () {
  this.timeout(60_000)
  const folder = mkdtempSync(join(tmpdir(), 'bgp-speaker-ts-'))
  const project = join(folder, 'project')
  const installed = join(project, 'node_modules/bgp-speaker-ts')
  let manifest: Manifest
  let names: string[] = []
  let programs: Readonly<Record<string, string>> = {}

  before(async () => {
    programs = { 'Node.js 24': process.execPath, 'Node.js 22': await fetchNode22() }
    run(folder, process.execPath, join(LIBRARY, 'build.ts'), '--out', join(folder, 'built'))
    const archive = run(folder, 'npm', 'pack', './built', '--silent').trim()
    mkdirSync(project)
    writeFileSync(join(project, 'package.json'), '{ "type": "module", "private": true }')
    run(project, 'npm', 'install', '--offline', '--no-audit', '--no-fund', join(folder, archive))
    manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Manifest
    names = Object.keys(manifest.exports).filter((name) => name !== './package.json')
    names = names.map((name) => name.replace(/^\./, 'bgp-speaker-ts'))
    for (const [i, text] of examples.entries()) writeFileSync(join(project, `example-${i}.ts`), text)
    writeFileSync(join(project, 'bfd.ts'), BFD)
    const imports = names.map((name, i) => `import * as m${i} from '${name}'\nvoid m${i}\n`)
    writeFileSync(join(project, 'all.ts'), imports.join(''))
  })
  after(() => rmSync(folder, { recursive: true }))

  it('has JavaScript, declarations, licence, README and examples, no test, and needs no other package', () => {
    const files = globSync('**/*.*', { cwd: installed }).filter((file) => !file.startsWith('lib/'))
    expect(files).to.have.members([
      'package.json',
      'README.md',
      'examples/announce.ts',
      'examples/route-server.ts',
    ])
    expect(readFileSync(join(installed, 'LICENSE'), 'utf8')).to.contain('Apache License')
    const library = globSync('lib/**/*.*', { cwd: installed })
    expect(library.filter((file) => !/\.js$|\.d\.ts$/.test(file) || /test/.test(file))).to.deep.equal([])
    expect(library.length).to.be.above(150)
    expect(manifest).to.not.have.any.keys('dependencies', 'private')
    expect(manifest.engines.node).to.equal('>=22')
    expect(library).to.include(manifest.types.slice(2))
  })

  it('has the entry points that its README names, and no others', () => {
    const [, section = ''] = readFileSync(join(installed, 'README.md'), 'utf8').split('### Entry points\n')
    const table = section.slice(0, section.indexOf('\n\nNothing else'))
    const named = [...table.matchAll(/`([\w/-]+)`/g)].map((match) => match[1]!)
    const paths = named.filter((name) => /^[a-z]/.test(name) && !/^(encode|decode)/.test(name))
    const full = paths.map((name) => (name.startsWith('bgp-speaker-ts') ? name : `bgp-speaker-ts/${name}`))
    expect(full.filter((name) => !name.endsWith('node:net'))).to.have.members(names)
    const refused = spawnSync(process.execPath, ['-e', "import('bgp-speaker-ts/rib/rib.ts')"], {
      cwd: project,
    })
    expect(String(refused.stderr)).to.contain('ERR_PACKAGE_PATH_NOT_EXPORTED')
  })

  for (const [resolution, module] of [
    ['nodenext', 'nodenext'],
    ['bundler', 'esnext'],
  ] as const)
    it(`is what TypeScript compiles against by "moduleResolution": "${resolution}", with all examples`, () => {
      expect(examples.length).to.be.above(1)
      const typeRoots = [join(TOP, 'node_modules/@types')]
      const compilerOptions = { strict: true, noEmit: true, target: 'es2024', types: ['node'], typeRoots }
      const checks = { skipLibCheck: false, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true }
      const options = { ...compilerOptions, ...checks, module, moduleResolution: resolution }
      const config = { compilerOptions: options, include: ['*.ts', 'examples/*.ts'] }
      writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config))
      run(project, join(TOP, 'node_modules/.bin/tsc'), '-p', '.')
    })

  for (const release of ['Node.js 24', 'Node.js 22'])
    it(`runs on ${release}: every entry point, two speakers, and BFD in its thread`, () => {
      const program = programs[release]!
      expect(run(project, program, '--version')).to.match(new RegExp(`^v${release.slice(-2)}\\.`))
      const run1 = (...args: readonly string[]) =>
        run(project, program, '--disable-warning=ExperimentalWarning', ...args)
      const loadable = names.filter((name) => !name.endsWith('/worker'))
      const load = `for (const name of ${JSON.stringify(loadable)}) await import(name)`
      run1('--input-type=module', '-e', `${load}; console.log('loaded')`)
      expect(run1('example-0.ts')).to.match(/^10\.1\.0\.0\/16 \[ '64512:7' \]\n/)
      expect(run1('bfd.ts')).to.equal('both up\n')
    })
})
