import { expect } from 'chai'
import { Progress } from './progress.ts'
import { formatTable } from './scenarios/summary.ts'

describe('progress', () => {
  it('closes each step with its time and what came of it', async () => {
    const lines: string[] = []
    let now = 0
    const progress = new Progress(
      (line) => lines.push(line),
      () => now,
    )
    const result = await progress.step(
      'boot',
      async () => {
        now = 2.5
        return 3
      },
      (count) => `${count} nodes`,
    )
    expect(result).to.equal(3)
    expect(lines).to.deep.equal(['   2.5 s  done  boot (2.5 s): 3 nodes'])
  })

  it('says which step failed and passes the error on', async () => {
    const lines: string[] = []
    const progress = new Progress(
      (line) => lines.push(line),
      () => 1,
    )
    const failure = await progress
      .step('boot', async () => {
        throw new Error('no power')
      })
      .catch((error: Error) => error.message)
    expect(failure).to.equal('no power')
    expect(lines).to.deep.equal(['   0.0 s  FAIL  boot (0.0 s)'])
  })
})

describe('a table', () => {
  it('has columns as wide as their widest cell and no blanks at the ends of lines', () => {
    const rows = [
      ['NODE', 'STATE'],
      ['node-1', 'Ready'],
      ['n', ''],
    ]
    expect(formatTable(rows)).to.equal('NODE    STATE\nnode-1  Ready\nn')
  })
})
