import { spawn } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'

const PACKAGES = {
  '': { name: 'fixture' },
  'node_modules/plain': { version: '1.0.0', integrity: 'sha512-a' },
  'node_modules/for-another-machine': { version: '1.0.0', integrity: 'sha512-b', optional: true },
}
const INSTALLED = { 'node_modules/plain': PACKAGES['node_modules/plain'] }

/** Installs what is in `to-install`, and leaves a note. */
const NPM = `#!/bin/sh
echo "$@" >> npm-calls
[ -d to-install ] || exit 1
mkdir -p node_modules && cp -a to-install/. node_modules/`

interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

describe('bootstrap', function () {
  // Each case starts processes.
  this.timeout(30_000)
  let top: string

  /** A repository whose program prints its arguments, and an npm that is a script. */
  beforeEach(() => {
    top = mkdtempSync(join(tmpdir(), 'bootstrap-'))
    for (const folder of ['lab', 'test', 'bin', 'cache/kubernetes/v1'])
      mkdirSync(join(top, folder), { recursive: true })
    cpSync(join(import.meta.dirname, 'bootstrap.mjs'), join(top, 'lab/bootstrap.mjs'))
    for (const program of ['lab/main.ts', 'test/run.ts'])
      writeFileSync(
        join(top, program),
        'if (import.meta.main) console.log(JSON.stringify(process.argv.slice(2) as string[]), process.argv[1])\n',
      )
    writeFileSync(join(top, 'bin/npm'), NPM)
    chmodSync(join(top, 'bin/npm'), 0o755)
    lock('package-lock.json', PACKAGES)
    installed('to-install')
  })

  afterEach(() => rmSync(top, { recursive: true, force: true }))

  function lock(path: string, packages: object): void {
    writeFileSync(join(top, path), JSON.stringify({ lockfileVersion: 3, packages }))
  }

  /** What `npm ci` leaves. */
  function installed(folder: string, packages: object = INSTALLED): void {
    mkdirSync(join(top, folder, 'node/bin'), { recursive: true })
    symlinkSync(process.execPath, join(top, folder, 'node/bin/node'))
    lock(`${folder}/.package-lock.json`, packages)
  }

  const start = (...args: string[]) => startBy(process.execPath, ...args)

  function startBy(node: string, ...args: string[]): Promise<Outcome> {
    const env = { PATH: `${join(top, 'bin')}:/usr/bin:/bin`, PODROUTE_CACHE: join(top, 'cache') }
    const child = spawn(node, [join(top, 'lab/bootstrap.mjs'), ...args], { cwd: top, env })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (data) => (stdout += data))
    child.stderr.on('data', (data) => (stderr += data))
    return new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code) => resolve({ code, stdout, stderr }))
    })
  }

  const calls = () => {
    try {
      return readFileSync(join(top, 'npm-calls'), 'utf8')
    } catch {
      return ''
    }
  }

  it('installs missing packages, says so first, and hands the arguments over', async () => {
    const { code, stdout, stderr } = await start('lab/main.ts', 'status', '--all')
    expect(code, stderr).to.equal(0)
    expect(stderr).to.match(/^podroute: the npm packages are missing: npm ci installs them/)
    expect(stdout).to.equal(`["status","--all"] ${join(top, 'lab/main.ts')}\n`)
    expect(calls()).to.match(/^ci .*--include=dev/)
  })

  it('installs nothing, and says nothing, where all is there', async () => {
    installed('node_modules')
    const { code, stdout, stderr } = await start('lab/main.ts', 'status')
    expect(code).to.equal(0)
    expect(stdout).to.contain('["status"]')
    expect(stderr).to.equal('')
    expect(calls()).to.equal('')
  })

  it('runs the program in its own process, as the main one, where that is of the project’s own Node.js', async () => {
    installed('node_modules')
    const node = join(top, 'node_modules/node/bin/node')
    rmSync(node)
    copyFileSync(process.execPath, node)
    const { code, stdout } = await startBy(node, 'lab/main.ts', 'status')
    expect(code).to.equal(0)
    expect(stdout).to.equal(`["status"] ${join(top, 'lab/main.ts')}\n`)
  })

  it('installs again when the lock file names another version', async () => {
    installed('node_modules', { 'node_modules/plain': { version: '0.9.0', integrity: 'sha512-a' } })
    const { stderr } = await start('lab/main.ts', 'status')
    expect(stderr).to.contain('the npm packages are not those of package-lock.json')
    expect(calls()).to.contain('ci ')
  })

  it('installs again after an installation that was interrupted', async () => {
    installed('node_modules')
    rmSync(join(top, 'node_modules/.package-lock.json'))
    const { code } = await start('lab/main.ts', 'status')
    expect(code).to.equal(0)
    expect(calls()).to.contain('ci ')
  })

  it('installs once for commands that are started at the same time', async () => {
    writeFileSync(join(top, 'bin/npm'), NPM.replace('mkdir', 'sleep 1; mkdir'))
    const outcomes = await Promise.all([start('lab/main.ts'), start('test/run.ts')])
    expect(outcomes.map(({ code }) => code)).to.deep.equal([0, 0])
    expect(calls().split('\n').filter(Boolean)).to.have.length(1)
    expect(outcomes.map(({ stderr }) => stderr).join()).to.match(/another command \(process \d+\)/)
  })

  it('does not wait for a command that was killed while it installed', async () => {
    mkdirSync(join(top, '.build'))
    writeFileSync(join(top, '.build/npm-ci.pid'), String(2 ** 22 + 1))
    const { code, stderr } = await start('lab/main.ts')
    expect(code, stderr).to.equal(0)
    expect(calls()).to.contain('ci ')
  })

  it('says what to do when npm fails', async () => {
    rmSync(join(top, 'to-install'), { recursive: true })
    const { code, stderr } = await start('lab/main.ts', 'status')
    expect(code).to.equal(1)
    expect(stderr).to.contain('npm ci failed')
  })

  it('says what the first run takes and keeps, before anything else, where something is built', async () => {
    rmSync(join(top, 'cache/kubernetes/v1'), { recursive: true })
    mkdirSync(join(top, 'cache/kubernetes/.partial-1'))
    const first = (outcome: Outcome) => outcome.stderr.split('\n')[0]
    for (const command of [['lab/main.ts'], ['lab/main.ts', 'up', '--keep'], ['test/run.ts', 'unit']])
      expect(first(await start(...command)))
        .to.match(/the first run takes about .* minutes/)
        .and.contain(join(top, 'cache'))
    for (const command of [
      ['lab/main.ts', 'status'],
      ['lab/main.ts', '--help'],
      ['test/run.ts', '--help'],
    ])
      expect((await start(...command)).stderr).not.to.contain('first run')
  })

  it('has Go download what it builds while npm installs, the first time', async () => {
    rmSync(join(top, 'cache/kubernetes/v1'), { recursive: true })
    mkdirSync(join(top, 'lab/control-plane'))
    writeFileSync(join(top, 'bin/go'), '#!/bin/sh\necho "$@" > go-calls')
    chmodSync(join(top, 'bin/go'), 0o755)
    // npm ends when Go has begun, or never.
    writeFileSync(
      join(top, 'bin/npm'),
      `${NPM}\nuntil [ -s lab/control-plane/go-calls ]; do sleep 0.05; done`,
    )
    expect((await start('lab/main.ts')).code).to.equal(0)
    expect(readFileSync(join(top, 'lab/control-plane/go-calls'), 'utf8')).to.equal('mod download\n')
    rmSync(join(top, 'lab/control-plane/go-calls'))
    expect((await start('lab/main.ts')).code, 'installed').to.equal(0)
    expect(existsSync(join(top, 'lab/control-plane/go-calls'))).to.equal(false)
  })

  it('ends as the program ends', async () => {
    writeFileSync(join(top, 'lab/main.ts'), 'process.exitCode = 7')
    expect((await start('lab/main.ts')).code).to.equal(7)
    writeFileSync(join(top, 'lab/main.ts'), "process.kill(process.pid, 'SIGKILL')")
    expect((await start('lab/main.ts')).code).to.equal(1)
  })
})
