/** Log messages of the agent are constant, and each is said in one place: who finds one in a log finds the line that says it, and an event is told once. */
import { globSync, readFileSync } from 'node:fs'
import { expect } from 'chai'
import { twiceTold } from './support/twice-told.ts'

const SOURCES = globSync('packages/*/**/*.ts', {
  exclude: (path) => /node_modules|\.test\.ts$|^packages\/[^/]+\/(testing|examples)$|\/testing$/.test(path),
})
/** `log.warn(`, `this.#log.info(`, `logger?.error(`: what follows it. */
const CALL = /\b(?:log|logger)\??\.(?:debug|info|warn|error)\(\s*(.)((?:[^'\\\n]|\\.)*)/g

interface Said {
  readonly place: string
  /** How the message begins: a quote, or something else. */
  readonly opening: string
  readonly message: string
}

function messagesIn(place: string, text: string): readonly Said[] {
  return [...text.matchAll(CALL)].map(([, opening = '', message = '']) => ({ place, opening, message }))
}

const ALL = SOURCES.flatMap((path) => messagesIn(path, readFileSync(path, 'utf8')))

/** By message: where it is said, if more than once. */
function repeated(said: readonly Said[]): readonly string[] {
  const constant = said.filter(({ opening }) => opening === "'")
  const byMessage = Map.groupBy(constant, ({ message }) => message)
  return [...byMessage]
    .filter(([, places]) => places.length > 1)
    .map(([message, places]) => `${message}: ${places.map(({ place }) => place).join(', ')}`)
}

describe('messages of the log', () => {
  it('are found', () => {
    expect(ALL.length).to.be.above(40)
    const text = "log.info('one', {})\n  this.#log.warn(\n    'two')\n  log.error(`three`)\nlog.info('one')"
    const said = messagesIn('x', text)
    expect(said.map(({ opening, message }) => [opening, message])).to.deep.equal([
      ["'", 'one'],
      ["'", 'two'],
      ['`', 'three`)'],
      ["'", 'one'],
    ])
    expect(repeated(said)).to.deep.equal(['one: x, x'])
  })

  it('are constant: what changes is in fields', () => {
    const made = ALL.filter(({ opening }) => opening === '`')
    expect(made.map(({ place, message }) => `${place}: ${message}`)).to.deep.equal([])
  })

  it('are found where an agent tells one event twice: the same fields within a second', () => {
    const line = (time: string, said: string) => `2026-01-02T03:04:${time}Z ${said}`
    const log = [
      line('05.000', 'INFO  session up {"peer":"a"}'),
      line('05.100', 'INFO  session up {"peer":"b"}'),
      '    at session.ts:1',
      '    at session.ts:1',
      line('05.900', 'INFO  session up {"peer":"a"}'),
      line('07.000', 'INFO  session up {"peer":"a"}'),
      line('07.100', 'DEBUG session up {"peer":"a"}'),
      line('07.200', 'DEBUG session up {"peer":"a"}'),
    ]
    expect(twiceTold(log.join('\n'))).to.deep.equal([log[4]])
  })

  it('are each said in one place', () => {
    expect(repeated(ALL)).to.deep.equal([])
  })
})
