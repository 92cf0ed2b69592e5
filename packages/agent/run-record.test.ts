import { expect } from 'chai'
import { type RecordedRuns, RunRecord } from './run-record.ts'

const NOW = '2026-01-02T03:04:05.000Z'

describe('the record of the runs', () => {
  let stored: RecordedRuns | undefined
  beforeEach(() => {
    stored = undefined
  })
  const run = (bootId = 'boot-1') =>
    new RunRecord({
      store: {
        load: () => stored,
        save(runs) {
          stored = runs
        },
      },
      bootId,
      now: () => new Date(NOW),
    })

  it('counts the starts, and says why the last run ended', () => {
    const first = run()
    expect(first.runs).to.deep.equal({ starts: 1 })
    first.begin()
    first.end('SIGTERM')
    expect(run().runs).to.deep.equal({ starts: 2, previous: { ended: NOW, reason: 'SIGTERM' } })
  })

  it('knows a run that could not say anything', () => {
    run().begin()
    expect(run().runs.previous).to.deep.equal({
      reason: 'it was killed, or out of memory: see `kubectl describe pod`',
    })
  })

  it('counts a run that could not begin', () => {
    run().end('cannot start')
    run().end('cannot start')
    expect(run().runs.starts).to.equal(3)
  })

  it('begins to count anew when the node boots', () => {
    run().begin()
    run().begin()
    expect(run('boot-2').runs).to.deep.equal({ starts: 1, previous: { reason: 'the node went down' } })
    run().end('SIGTERM')
    expect(run('boot-2').runs).to.deep.equal({ starts: 1, previous: { ended: NOW, reason: 'SIGTERM' } })
  })

  it('leaves the record of the running agent alone until it begins', () => {
    run().begin()
    const before = stored
    run()
    expect(stored).to.equal(before)
  })
})
