import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serve } from '@podroute/agent/http.ts'
import { json } from '@podroute/feature/listener.ts'
import { expect } from 'chai'
import { createProgram } from './program.ts'
import { QUIET } from './testing/surroundings.ts'

describe('a page that goes on', () => {
  it('shows the columns once, and each row once as it comes', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'podroute-'))
    const socket = join(directory, 'sock')
    const asked: (string | undefined)[] = []
    const answers = [
      { rows: [['one'], ['two']], next: '2' },
      { rows: [], next: '' },
      { rows: [['three']], next: '3' },
    ]
    const agent = await serve({ kind: 'unix', path: socket }, (_path, { query } = {}) => {
      asked.push(query?.after)
      const { rows, next } = answers[asked.length - 1]!
      return json({ tables: [{ columns: ['BIRD'], rows, empty: 'none' }], next })
    })
    const shown: string[] = []
    const enough = new Error('enough')
    const program = createProgram(
      '0.1.0',
      {
        ...QUIET,
        write(text) {
          shown.push(text)
          if (text.includes('three')) throw enough
        },
      },
      [{ name: 'birds', summary: 'that pass', follows: true }],
    )
    try {
      const ended = await program
        .parseAsync(['birds', '--follow', '--socket', socket], { from: 'user' })
        .catch((error: unknown) => error)
      expect(ended).to.equal(enough)
      expect(
        shown
          .join('')
          .split('\n')
          .map((line) => line.trim()),
      ).to.deep.equal(['BIRD', 'one', 'two', 'three', ''])
      expect(asked).to.deep.equal(['', '2', '2'])
    } finally {
      await agent[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true })
    }
  })

  it('of the UI is a line for each news of the agent, and nothing while there is none', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'podroute-'))
    const socket = join(directory, 'sock')
    let asked = 0
    const agent = await serve({ kind: 'unix', path: socket }, (path) => {
      if (path !== '/status') return undefined
      asked++
      const ready = asked > 3
      return json({ nodeName: 'node-1', version: '1', ready, conditions: [], summary: [] })
    })
    const ends = new AbortController()
    let written = ''
    const program = createProgram('0.1.0', {
      ...{ ...QUIET, signal: ends.signal },
      write(text) {
        written += text
        if (text.includes('"ready":true')) ends.abort()
      },
    })
    try {
      await program.parseAsync(['ui', '--ask', '/whole', '--follow', '--socket', socket], { from: 'user' })
      const lines = written
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).agent.ready)
      expect(lines).to.deep.equal([false, true])
      const wrong = program.parseAsync(['ui', '--follow', '--socket', socket], { from: 'user' })
      expect(await wrong.catch((error: Error) => error.message)).to.equal('--follow is for --ask /whole')
    } finally {
      await agent[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true })
    }
  })
})
