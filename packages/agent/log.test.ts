import { expect } from 'chai'
import { createLogger, type LogSettings } from './log.ts'

function logger(settings: LogSettings) {
  const lines: string[] = []
  const now = () => new Date('2026-01-02T03:04:05.678Z')
  return { lines, log: createLogger(settings, { write: (line) => void lines.push(line), now }) }
}

describe('the log', () => {
  it('says a message some hundred times, then now and then, and how often it was held back', () => {
    let now = new Date(0)
    const lines: string[] = []
    const output = { write: (line: string) => void lines.push(line), now: () => now }
    const log = createLogger({ level: 'info', format: 'json' }, output)
    for (let i = 0; i < 1000; i++) log.warn('a Node is odd', { i })
    expect(lines).to.have.length(200)
    log.error('another thing')
    expect(lines).to.have.length(201)
    now = new Date(10_000)
    log.warn('a Node is odd', { i: 1000 })
    log.warn('a Node is odd', { i: 1001 })
    expect(lines.slice(201).map((line) => JSON.parse(line))).to.deep.include.members([
      { time: now.toISOString(), level: 'warn', message: 'a Node is odd', i: 1000, heldBack: 800 },
    ])
    expect([lines.length, log.heldBack]).to.deep.equal([202, 801])
  })

  it('has a line for people with the fields as JSON, or without any', () => {
    const { log, lines } = logger({ level: 'info', format: 'text' })
    log.info('agent started', { node: 'n1', count: 10n })
    log.error('gone')
    expect(lines).to.deep.equal([
      '2026-01-02T03:04:05.678Z INFO  agent started {"node":"n1","count":"10"}\n',
      '2026-01-02T03:04:05.678Z ERROR gone\n',
    ])
  })

  it('has a JSON object a line for programs, errors with their causes', () => {
    const { log, lines } = logger({ level: 'debug', format: 'json' })
    const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
    log.debug('no API server', { error: new Error('cannot connect', { cause }) })
    const [line] = lines.map((text) => JSON.parse(text))
    expect(line).to.include({ time: '2026-01-02T03:04:05.678Z', level: 'debug', message: 'no API server' })
    expect(line.error).to.include('cannot connect').and.include('ECONNREFUSED')
  })

  it('writes what is as grave as its level, which can change while it runs', () => {
    const { log, lines } = logger({ level: 'warn', format: 'json' })
    for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level](level)
    expect(lines.map((line) => JSON.parse(line).level)).to.deep.equal(['warn', 'error'])
    log.configure({ level: 'debug', format: 'text' })
    log.debug('all')
    expect(lines[2]).to.match(/DEBUG all\n$/)
  })
})
