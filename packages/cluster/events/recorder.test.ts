import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import type { EventObject, Statement } from './event.ts'
import { EventRecorder, type EventRecorderOptions } from './recorder.ts'

const statement = (note: string, more: { name?: string; uid?: string; reason?: string } = {}): Statement => {
  const { name = 'web', uid = 'u', reason = 'InvalidField' } = more
  return {
    regarding: { apiVersion: 'v1', kind: 'Service', namespace: 'shop', name, uid },
    ...{ reason, note, type: 'Warning', action: 'ProxyService' },
  }
}

function setup(more: Partial<EventRecorderOptions> = {}) {
  const clock = new ManualClock()
  const events: EventObject[] = []
  const recorder = new EventRecorder({
    sink: { add: (event) => void events.push(event) },
    reporter: { controller: 'c', instance: 'node-1' },
    clock,
    wall: () => new Date(clock.now()),
    ...more,
  })
  return { clock, events, recorder }
}

const texts = (events: readonly EventObject[]) =>
  events.map(({ note, series }) => (series ? `${note} x${series.count}` : note))

describe('EventRecorder', () => {
  it('says of a tenant who tries sixty things the first five, and later the last', async () => {
    const { clock, events, recorder } = setup()
    const lines: string[] = []
    for (let attempt = 1; attempt <= 60; attempt++) {
      recorder.record(statement(`bad ${attempt}`), (count) => lines.push(`${attempt} x${count}`))
      await clock.advance(500)
    }
    expect(texts(events)).to.deep.equal(['bad 1', 'bad 2', 'bad 3', 'bad 4', 'bad 5'])
    await clock.advance(3_600_000)
    expect(texts(events).slice(5)).to.deep.equal(['bad 60 x55'])
    expect(lines).to.deep.equal(['1 x1', '2 x1', '3 x1', '4 x1', '5 x1', '60 x55'])
    expect(recorder.stats).to.deep.equal({ said: 6, heldBack: 54 })
    expect(clock.timers).to.equal(0)
  })

  it('says ever less of what goes on', async () => {
    const { clock, events, recorder } = setup()
    for (let minute = 0; minute < 24 * 60; minute++) {
      recorder.record(statement(`minute ${minute}`))
      await clock.advance(60_000)
    }
    expect(events.length).to.be.within(40, 60)
  })

  it('tells objects and reasons apart, but not two objects of one name', () => {
    const { events, recorder } = setup()
    for (let index = 0; index < 20; index++) {
      recorder.record(statement('a', { uid: `u-${index}` }))
      recorder.record(statement('b', { name: 'other' }))
      recorder.record(statement('c', { reason: 'AddressConflict' }))
    }
    expect(texts(events).sort().join('')).to.equal('aaaaabbbbbccccc')
  })

  it('says no more than so much of all objects together, each in its turn', async () => {
    const { clock, events, recorder } = setup({ total: { burst: 2, first: 1000, max: 1000 } })
    for (let index = 0; index < 5; index++) recorder.record(statement(`of ${index}`, { name: `s-${index}` }))
    expect(texts(events)).to.deep.equal(['of 0', 'of 1'])
    await clock.advance(3000)
    expect(texts(events)).to.deep.equal(['of 0', 'of 1', 'of 2', 'of 3', 'of 4'])
  })

  it('keeps a bounded number of objects waiting', async () => {
    const { clock, events, recorder } = setup({ total: { burst: 1, first: 1, max: 1 } })
    for (let index = 0; index < 3000; index++) recorder.record(statement('x', { name: `s-${index}` }))
    await clock.advance(10_000)
    expect(events.length).to.equal(1001)
    expect(recorder.stats.heldBack).to.equal(1999)
  })

  it('says nothing more when it is ended', async () => {
    const { clock, events, recorder } = setup()
    for (let index = 0; index < 9; index++) recorder.record(statement('x'))
    recorder[Symbol.dispose]()
    await clock.advance(3_600_000)
    expect(events.length).to.equal(5)
  })
})
