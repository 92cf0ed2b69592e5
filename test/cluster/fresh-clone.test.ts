/** The two commands on a clone that nothing was installed into, by the machine's own Node.js, however old that is. */
import { execFile, execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'

const TOP = new URL('../..', import.meta.url).pathname
const run = promisify(execFile)

/** What a user's shell has, and not what npm adds for its scripts. */
function environmentOfAShell(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^npm_|^NODE|^INIT_CWD$/.test(name))
  const paths = (process.env.PATH ?? '').split(delimiter).filter((path) => !path.includes('node_modules'))
  return { ...Object.fromEntries(own), PATH: paths.join(delimiter) }
}

describe('a fresh clone', function () {
  this.timeout(300_000)
  const env = environmentOfAShell()
  let clone: string

  before(async () => {
    clone = await mkdtemp(join(tmpdir(), 'podroute-clone-'))
    const trust = ['-c', 'safe.directory=*', '-c', 'protocol.file.allow=always']
    execFileSync('git', [...trust, 'clone', '-q', '--no-hardlinks', TOP, clone], { env })
    expect(existsSync(join(clone, 'node_modules'))).to.equal(false)
  })

  after(() => rm(clone, { recursive: true, force: true }))

  it('installs the npm packages at the first command, says so, and does what was asked', async () => {
    const { stdout, stderr } = await run('npm', ['run', '--silent', 'lab', '--', '--help'], {
      cwd: clone,
      env,
    })
    expect(stderr).to.match(/^podroute: the npm packages are missing: npm ci installs them/)
    expect(stdout).to.match(/^usage: npm run lab/)
  })

  it('does at once what the next command asks', async () => {
    const { stdout, stderr } = await run('npm', ['test', '--silent', '--', '--help'], { cwd: clone, env })
    expect(stderr).to.equal('')
    expect(stdout).to.match(/^usage: npm test/)
  })

  it('runs tests by the project’s own Node.js', async () => {
    const command = ['run', '--silent', 'test:unit', '--', '--grep', 'bootstrap']
    const { stdout } = await run('npm', command, { cwd: clone, env })
    expect(stdout).to.match(/^unit: \d+ passed, 0 failed$/m)
  })
})
