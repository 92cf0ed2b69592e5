/** Every command in the pages for users is run by a test, or it is said why not. */
import { existsSync } from 'node:fs'
import { expect } from 'chai'
import { documentedCommands, ELSEWHERE, elsewhere, RUN_IN_ORDER } from './support/documented-commands.ts'

const ALL = documentedCommands()
const isRunHere = (command: string) => RUN_IN_ORDER.some((beginning) => command.startsWith(beginning))

describe('commands of the pages for users', () => {
  it('are run by a test, or it is known why not', () => {
    expect(ALL.length).to.be.above(80)
    const unknown = ALL.filter((one) => elsewhere(one) === undefined && !isRunHere(one.command))
    expect(unknown.map(({ page, command }) => `${page}: ${command}`)).to.deep.equal([])
  })

  it('are run by tests that are there, and nothing is said of commands that nobody shows', () => {
    const files = ELSEWHERE.flatMap(({ by }) => (typeof by === 'string' ? [by] : []))
    expect(files.filter((file) => !existsSync(file))).to.deep.equal([])
    const used = new Set(ALL.map(elsewhere))
    expect(ELSEWHERE.filter((one) => !used.has(one)).map(({ command }) => String(command))).to.deep.equal([])
    const idle = RUN_IN_ORDER.filter((beginning) => !ALL.some(({ command }) => command.startsWith(beginning)))
    expect(idle).to.deep.equal([])
  })
})
