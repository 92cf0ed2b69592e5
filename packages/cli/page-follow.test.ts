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
})
