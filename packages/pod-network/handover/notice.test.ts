import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { testNode, testSettings } from '../testing/fixtures.ts'
import { NamedTimers } from '../timers.ts'
import { NOTICE, Notice } from './notice.ts'

const ROUTER = { address: '192.0.2.1', asn: 65000, acceptRoutes: false, maxPrefixes: 10 }
const WHY = 'the Node is being deleted'

describe('that this node is to be left', () => {
  let clock: ManualClock
  let notice: Notice
  let marked: string[]
  const told = (leaving: boolean) => notice.told(testNode(1, leaving ? { ending: 'deletion' } : {}))

  beforeEach(() => {
    clock = new ManualClock()
    marked = []
    notice = new Notice({
      ...{ clock, timers: new NamedTimers(clock) },
      settings: () => ({ ...testSettings, externalPeers: [ROUTER] }),
      mark: (key) => void marked.push(key),
    })
  })

  it('is told routers when other nodes had the time to hear of it', async () => {
    expect(told(false)).to.equal(undefined)
    expect(told(true)).to.equal(undefined)
    await clock.advance(NOTICE - 1)
    expect(told(true)).to.equal(undefined)
    expect(marked).to.deep.equal([])
    await clock.advance(1)
    expect(marked).to.deep.equal(['local', 'router/192.0.2.1'])
    expect(told(true)).to.equal(WHY)
  })

  it('is told at once by an agent that starts so, and anew after the node was to stay', async () => {
    expect(told(true)).to.equal(WHY)
    expect(told(false)).to.equal(undefined)
    expect(told(true)).to.equal(undefined)
    await clock.advance(NOTICE)
    expect(told(true)).to.equal(WHY)
  })

  it('is not told where the node is to stay after all', async () => {
    told(false)
    told(true)
    told(false)
    await clock.advance(NOTICE)
    expect(told(false)).to.equal(undefined)
  })
})
