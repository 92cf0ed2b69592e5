import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type HttpListener, serve } from '@podroute/agent/http.ts'
import { json } from '@podroute/feature/listener.ts'
import { expect } from 'chai'

const PROGRAM = join(import.meta.dirname, 'main.ts')
const PAGES: Readonly<Record<string, unknown>> = {
  '/pages': { pages: [{ name: 'routes', summary: 'learned routes' }] },
  '/routes': { routes: [] },
  '/plan': { pending: [] },
  '/hidden': { of: 'a newer agent' },
}

/** As somebody sees it who types it: what is printed, and the exit status. */
describe('podroute, used for the first time', function () {
  this.timeout(60_000)
  let directory: string
  let agent: HttpListener
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'podroute-'))
    agent = await serve({ kind: 'unix', path: join(directory, 'socket') }, (path) =>
      path === '/broken/tables'
        ? Promise.reject(new Error('no Service default/web'))
        : path in PAGES
          ? json(PAGES[path])
          : undefined,
    )
  })
  after(async () => {
    await agent[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true })
  })

  interface Seen {
    readonly code: number
    readonly stdout: string
    readonly stderr: string
  }

  function run(socket: string, args: readonly string[]): Promise<Seen> {
    const env = { ...process.env, PODROUTE_SOCKET: join(directory, socket) }
    return new Promise((resolve) => {
      const child = execFile(process.execPath, [PROGRAM, ...args], { env }, (_, stdout, stderr) =>
        resolve({ code: child.exitCode ?? -1, stdout, stderr }),
      )
    })
  }
  const withAgent = (...args: readonly string[]) => run('socket', args)
  const without = (...args: readonly string[]) => run('nothing', args)

  it('helps with itself and with each command, a page too', async () => {
    const [all, one, page] = await Promise.all([
      without('help'),
      without('help', 'doctor'),
      withAgent('help', 'routes'),
    ])
    expect(all).to.deep.include({ code: 0, stderr: '' })
    expect(all.stdout).to.include('help [command]').and.include('doctor [options]')
    expect(one.stdout).to.match(/^Usage: podroute doctor/)
    expect(one.stdout, 'no gap in it').not.to.match(/\n\n\n/)
    expect(page.stdout).to.match(/^Usage: podroute routes/)
  })

  it('says what was meant where there is no such command, whether an agent runs or not', async () => {
    for (const seen of await Promise.all([without('statu'), withAgent('statu'), withAgent('statu', '--all')]))
      expect(seen).to.deep.equal({
        ...{ code: 2, stdout: '' },
        stderr: 'podroute: there is no command "statu": did you mean "status"?\n',
      })
    const { code, stderr } = await withAgent('nonsense', 'here')
    expect([code, stderr]).to.deep.equal([
      2,
      'podroute: there is no command "nonsense": podroute --help lists them\n',
    ])
  })

  it('says that no agent runs, whatever its page would be asked with', async () => {
    for (const seen of await Promise.all([
      without('routes'),
      without('explain', 'a/b:80', '--from', 'c/d'),
    ])) {
      expect(seen.code).to.equal(1)
      expect(seen.stderr).to.match(/^podroute: no agent is running here \(nothing answers at .*\/nothing\)\n/)
    }
  })

  it('asks the agent for a page that it does not list', async () => {
    const { code, stdout } = await withAgent('hidden', '-o', 'json')
    expect([code, JSON.parse(stdout)]).to.deep.equal([0, PAGES['/hidden']])
  })

  it('says where the options of a command stand that was given a wrong one', async () => {
    const [own, ofAll] = await Promise.all([withAgent('plan', '--bogus'), withAgent('--bogus')])
    expect(own).to.deep.include({
      ...{ code: 2, stderr: "error: unknown option '--bogus'\n(podroute plan --help says what there is)\n" },
    })
    expect(ofAll).to.deep.include({
      ...{ code: 2, stderr: "error: unknown option '--bogus'\n(podroute --help says what there is)\n" },
    })
  })

  it('takes options of all commands in front of the command, too; those behind it count more', async () => {
    const [before, both] = await Promise.all([
      withAgent('-o', 'json', 'plan'),
      withAgent('-o', 'json', 'plan', '-o', 'yaml'),
    ])
    expect(before.stdout).to.match(/^\{\s+"pending": \[\]\s+\}\s*$/)
    expect(both.stdout).to.equal('pending: []\n')
  })

  it('says what the agent cannot answer, and nothing of how it is asked', async () => {
    const { code, stderr } = await withAgent('broken')
    expect([code, stderr]).to.deep.equal([1, 'podroute: the agent cannot answer: no Service default/web\n'])
  })

  it('says in a line what cannot be written', async () => {
    const archive = await withAgent('bundle', '--write', join(directory, 'none', 'x.tar.gz'))
    expect(archive.code).to.equal(1)
    expect(archive.stderr).to.match(/^podroute: the archive cannot be written: ENOENT.*\n$/)
  })
})
