import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { SessionLog } from './session-log.ts'

describe('what the log says of sessions', () => {
  let clock: ManualClock
  let said: string[]
  let sessions: SessionLog

  beforeEach(() => {
    clock = new ManualClock()
    said = []
    const at =
      (level: string) =>
      (message: string, { node, router, ...fields }: Readonly<Record<string, unknown>> = {}) => {
        const more = node ?? router ?? JSON.stringify(fields)
        if (level !== 'debug') said.push(`${level} ${message} ${more}`)
      }
    const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
    sessions = new SessionLog({ log, clock, established: () => 7 })
  })

  const many = (count: number, kind: 'up' | 'down') => {
    for (let n = 0; n < count; n++) sessions[kind]({ node: `${n}` })
  }

  it('is a line for each', async () => {
    many(2, 'up')
    many(1, 'down')
    await clock.advance(60_000)
    expect(said).to.deep.equal(['info BGP session up 0', 'info BGP session up 1', 'warn BGP session down 0'])
  })

  it('is ten lines and one for all others where many come, and ten seconds later as before', async () => {
    many(500, 'up')
    await clock.advance(10_000)
    expect(said).to.have.length(11)
    expect(said.at(-1)).to.equal('info BGP sessions came or went {"up":490,"down":0,"established":7}')
    await clock.advance(10_000)
    many(1, 'down')
    expect(said.slice(11)).to.deep.equal(['warn BGP session down 0'])
  })

  it('is one line in ten seconds for as long as many come and go', async () => {
    for (let round = 0; round < 6; round++) {
      many(100, 'down')
      many(100, 'up')
      await clock.advance(10_000)
    }
    expect(said).to.have.length(16)
    expect(said.at(-1)).to.equal('warn BGP sessions came or went {"up":100,"down":100,"established":7}')
  })

  it('is a line for each that has no Node, whatever the others do', () => {
    many(20, 'down')
    sessions.down({ router: 'r' })
    sessions.up({ router: 'r' })
    expect(said.slice(10)).to.deep.equal(['warn BGP session down r', 'info BGP session up r'])
  })

  it('leaves nothing unsaid, and no timer, when the speaker ends', () => {
    many(12, 'up')
    sessions[Symbol.dispose]()
    expect(said.at(-1)).to.equal('info BGP sessions came or went {"up":2,"down":0,"established":7}')
    many(1, 'down')
    expect(said.at(-1)).to.equal('warn BGP session down 0')
  })
})
