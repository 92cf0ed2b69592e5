import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type HttpListener, serve } from '@podroute/agent/http.ts'
import { json } from '@podroute/feature/listener.ts'
import type { PageArgument } from '@podroute/feature/page.ts'
import { expect } from 'chai'
import { createProgram } from './program.ts'
import { QUIET } from './testing/surroundings.ts'

const ARGUMENTS: readonly PageArgument[] = [
  { name: 'room', kind: 'argument', required: true, summary: 'which room' },
  { name: 'colour', kind: 'option', required: true, summary: 'which colour' },
  { name: 'with', kind: 'file', summary: 'a plan of the room' },
]

describe('a page that is asked with arguments', () => {
  let directory: string
  let agent: HttpListener
  const asked: unknown[] = []

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'podroute-'))
    agent = await serve({ kind: 'unix', path: join(directory, 'sock') }, (path, { query } = {}) => {
      asked.push([path, query])
      return json(path.endsWith('/tables') ? { tables: [] } : {})
    })
  })
  after(async () => {
    await agent[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true })
  })

  const run = (...args: string[]) =>
    createProgram('0.1.0', QUIET, [{ name: 'paint', summary: 'a room', arguments: ARGUMENTS }])
      .configureOutput({ writeErr() {} })
      .parseAsync(['paint', ...args, '--socket', join(directory, 'sock')], { from: 'user' })

  it('gets them by place, by name, and as the text of a file', async () => {
    writeFileSync(join(directory, 'plan'), 'four walls & a door\n')
    await run('attic', '--colour', 'red')
    await run('a/b', '--colour', 'light blue', '--with', join(directory, 'plan'), '--json')
    expect(asked).to.deep.equal([
      ['/paint/tables', { room: 'attic', colour: 'red' }],
      ['/paint', { room: 'a/b', colour: 'light blue', with: 'four walls & a door\n' }],
    ])
  })

  it('says in its help what its options take, as all commands here do', () => {
    const takes: PageArgument = { name: 'from', kind: 'option', takes: 'who', summary: '' }
    const page = { name: 'paint', summary: 'a room', arguments: [takes] }
    const { commands } = createProgram('0.1.0', QUIET, [page])
    const flags = commands.flatMap((command) => command.options.map((option) => option.flags))
    expect(flags).to.include('--from <who>').and.include('--kubeconfig <file>')
    expect(flags.filter((text) => text.includes('<value>'))).to.deep.equal([])
  })

  it('is not asked without those that it needs, or with a file that is not there', async () => {
    const before = asked.length
    for (const args of [['attic'], ['--colour', 'red'], ['attic', '--colour', 'red', '--with', '/nowhere']])
      expect(await run(...args).catch((error: unknown) => error), args.join(' ')).to.be.instanceOf(Error)
    expect(asked).to.have.length(before)
  })
})
