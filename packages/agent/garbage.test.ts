import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { Garbage } from './garbage.ts'

/** Longer than the agent waits between two looks. */
const WHILE = 21_000

describe('garbage', () => {
  const clock = new ManualClock()
  let used: number
  let collections: number
  let looks: boolean[]
  let garbage: Garbage
  const pass = async (cpu: number) => {
    used += cpu
    await clock.advance(WHILE)
  }

  beforeEach(() => {
    used = 0
    collections = 0
    looks = []
    garbage = new Garbage({
      clock,
      cpu: () => used,
      collect: () => {
        collections++
        used += 50
      },
      looked: (calm) => looks.push(calm),
    })
    garbage.start()
  })
  afterEach(() => garbage[Symbol.dispose]())

  it('is collected once after a start, when it is calm', async () => {
    await pass(1200)
    expect(collections).to.equal(0)
    await pass(40)
    expect(collections).to.equal(1)
    for (let i = 0; i < 10; i++) await pass(40)
    expect(collections).to.equal(1)
  })

  it('is left alone while there is work', async () => {
    for (let i = 0; i < 10; i++) await pass(1500)
    expect(collections).to.equal(0)
    await pass(40)
    expect(collections).to.equal(1)
  })

  it('is collected again when an idle agent has done as much as a start is', async () => {
    for (let i = 0; i < 100; i++) await pass(40)
    expect(collections).to.equal(2)
  })

  it('says at each look whether there was work', async () => {
    for (const cpu of [1200, 40, 40, 1500]) await pass(cpu)
    expect(looks).to.deep.equal([false, true, true, false])
  })

  it('is nobody’s any more after the end', async () => {
    await pass(3000)
    garbage[Symbol.dispose]()
    await pass(40)
    expect(collections).to.equal(0)
  })
})
