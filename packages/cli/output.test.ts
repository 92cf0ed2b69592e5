import { stripVTControlCharacters } from 'node:util'
import { expect } from 'chai'
import { parse, parseAllDocuments } from 'yaml'
import { reportCommand, type Surroundings } from './command.ts'
import { CliError, exitStatus } from './errors.ts'
import { table } from './format.ts'
import type { Report, ReportCommand } from './report.ts'
import { PLAIN, styleFor } from './style.ts'
import { QUIET } from './testing/surroundings.ts'

const DATA = { routes: [{ to: '10.0.0.0/8', via: undefined, on: 'no', text: `${'word '.repeat(40)}end` }] }

const REPORT: Report = { data: () => DATA, text: () => 'one route' }

/** What is written, said and how it ends. The watcher has seen enough after `enough` reports. */
function watcher(enough = 1, more: Partial<Surroundings> = {}) {
  const seen = { written: '', said: [] as string[], status: undefined as number | undefined }
  const ended = new AbortController()
  const count = () => {
    if (--enough === 0) ended.abort()
  }
  const surroundings: Surroundings = {
    ...QUIET,
    signal: ended.signal,
    write(text) {
      seen.written += text
      count()
    },
    say(line) {
      seen.said.push(line)
      count()
    },
    exit(status) {
      seen.status = status
    },
    ...more,
  }
  return { seen, surroundings }
}

async function run(definition: Partial<ReportCommand>, args: readonly string[], to = watcher()) {
  const command = reportCommand(
    { name: 'routes', summary: '', report: async () => REPORT, ...definition },
    to.surroundings,
  )
  await command
    .exitOverride()
    .configureOutput({ writeErr() {} })
    .parseAsync([...args], { from: 'user' })
  return to.seen
}

describe('reports of podroute', () => {
  it('come as text, JSON or YAML, the two the same data', async () => {
    expect((await run({}, [])).written).to.equal('one route\n')
    const json = JSON.parse((await run({}, ['--json'])).written)
    expect(json).to.deep.equal(JSON.parse(JSON.stringify(DATA)))
    const { written } = await run({}, ['-o', 'yaml'])
    expect(parse(written)).to.deep.equal(json)
    expect(written.trimEnd().split('\n'), 'long texts stay whole').to.have.length(4)
    expect((await run({}, ['-o', 'json'])).written).to.equal((await run({}, ['--json'])).written)
  })

  it('are asked for one way only: that for people is not made for programs', async () => {
    const never = () => expect.fail('made, though nobody sees it')
    await run({ report: async () => ({ data: never, text: () => '' }) }, [])
    await run({ report: async () => ({ data: () => 1, text: never }) }, ['-o', 'yaml'])
  })

  it('refuse another format and a watch that is no time, as wrong arguments', async () => {
    for (const args of [['-o', 'xml'], ['--watch', 'soon'], ['--watch', '0'], ['--colour']])
      expect(await run({}, args).then(() => 0, exitStatus), args.join(' ')).to.equal(2)
  })

  it('end with the exit status of their verdict', async () => {
    expect((await run({}, [])).status).to.equal(0)
    expect((await run({ report: async () => ({ ...REPORT, exitCode: 3 }) }, ['--json'])).status).to.equal(3)
  })

  it('give flags, defaults and names of two words to the command', async () => {
    const asked: unknown[] = []
    const definition: Partial<ReportCommand> = {
      arguments: [
        { name: 'dry-run', kind: 'flag', summary: '' },
        { name: 'all', kind: 'flag', summary: '' },
        { name: 'root', kind: 'option', summary: '', default: '/' },
        { name: 'node-name', kind: 'option', summary: '' },
      ],
      async report({ query }) {
        asked.push(query)
        return REPORT
      },
    }
    await run(definition, ['--dry-run', '--node-name', 'a'])
    await run(definition, ['--root', '/host'])
    expect(asked).to.deep.equal([{ 'dry-run': 'true', root: '/', 'node-name': 'a' }, { root: '/host' }])
  })
})

describe('podroute --watch', () => {
  it('shows it anew until it is ended, as documents that can be told apart', async () => {
    let times = 0
    const report = async (): Promise<Report> => ({ data: () => ({ n: ++times }), text: () => `${++times}` })
    expect((await run({ report }, ['--watch', '0.01'], watcher(3))).written).to.equal('1\n\n2\n\n3\n')
    const { written } = await run({ report }, ['--watch', '0.01', '-o', 'yaml'], watcher(2))
    expect(parseAllDocuments(written).map((document) => document.toJS())).to.deep.equal([{ n: 4 }, { n: 5 }])
  })

  it('clears a terminal, and nothing else', async () => {
    const { seen, surroundings } = watcher(1, { terminal: true })
    await run({}, ['--watch', '0.01'], { seen, surroundings })
    expect(seen.written).to.equal('\x1b[H\x1b[2J\x1b[3Jone route\n')
  })

  it('goes on while no agent runs, and ends where the question is wrong', async () => {
    let times = 0
    const report = async () => {
      if (++times < 4) throw new CliError('not-running', `no agent is ${times < 3 ? 'running' : 'left'} here`)
      return REPORT
    }
    const seen = await run({ report }, ['--watch', '0.01'], watcher(3))
    expect(seen.said, 'each reason once').to.deep.equal(['no agent is running here', 'no agent is left here'])
    expect(seen.written).to.include('one route\n')
    const wrong = async () => {
      throw new CliError('no-page', 'no such page')
    }
    expect(await run({ report: wrong }, ['--watch', '0.01']).then(() => 0, exitStatus)).to.equal(2)
  })

  it('is not there for what changes something', async () => {
    expect(await run({ once: true }, ['--watch']).then(() => 0, exitStatus)).to.equal(2)
  })
})

describe('colours of podroute', () => {
  const ROWS = [
    ['node', 'ok', ''],
    ['peers', 'missing', 'node-2'],
  ]
  const HEADER = ['CONDITION', 'STATE', 'DETAIL']

  it('are on a terminal only, and not where NO_COLOR or a dumb terminal says so', () => {
    expect(styleFor(false, {})).to.equal(PLAIN)
    expect(styleFor(true, { NO_COLOR: '1' })).to.equal(PLAIN)
    expect(styleFor(true, { TERM: 'dumb' })).to.equal(PLAIN)
    expect(styleFor(true, { NO_COLOR: '', TERM: 'xterm' })).not.to.equal(PLAIN)
  })

  it('tell good from bad, and leave columns where they are', () => {
    const coloured = table(HEADER, ROWS, styleFor(true, {}))
    expect(coloured).to.include('\x1b[32mok\x1b[39m').and.include('\x1b[31mmissing\x1b[39m')
    expect(
      stripVTControlCharacters(coloured)
        .split('\n')
        .map((line) => line.trimEnd()),
    ).to.deep.equal(table(HEADER, ROWS).split('\n'))
  })
})
