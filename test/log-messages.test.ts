/** Log messages of the agent are constant, and each is said in one place: who finds one in a log finds the line that says it, and an event is told once. */
import { globSync, readFileSync } from 'node:fs'
import { expect } from 'chai'

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

  it('are each said in one place', () => {
    expect(repeated(ALL)).to.deep.equal([])
  })
})
