import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { pick, seeded, testSeed } from '@podroute/reconcile/testing/random.ts'
import { expect } from 'chai'
import { FakeProxyKernel } from './testing/fake-proxy-kernel.ts'
import { createServiceProxy } from './testing/object-proxy.ts'
import { service, slice } from './testing/objects.ts'

const SERVICES = 40
const CHANGES = 3000
/** Milliseconds from one change to the next. */
const PACE = 5

/** A kernel that takes its time, as it does while an audit and changes come together. */
class SlowKernel extends FakeProxyKernel {
  constructor(clock: ManualClock, random: () => number) {
    super()
    const slow =
      <A extends readonly unknown[], R>(call: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        await new Promise<void>((resolve) => void clock.after(Math.floor(random() * 40), resolve))
        return call(...args)
      }
    this.ipvs.servers = slow(this.ipvs.servers)
    this.ipvs.destinations = slow(this.ipvs.destinations)
    this.ipvs.apply = slow(this.ipvs.apply)
  }
}

async function whileTimePasses(clock: ManualClock, work: Promise<unknown>): Promise<void> {
  let going = true
  const ended = work.finally(() => {
    going = false
  })
  while (going) await clock.advance(PACE)
  await ended
}

describe('Services whose endpoints come and go all the time', () => {
  const seed = testSeed()

  it(`have in the end what their slices say (SEED=${seed})`, async function () {
    this.timeout(30_000)
    const random = seeded(seed)
    const clock = new ManualClock()
    const kernel = new SlowKernel(clock, random)
    const proxy = createServiceProxy({
      nodeName: 'node',
      nodeAddresses: ['192.0.2.11'],
      kernel,
      clock,
      random,
    })
    const wanted = new Map<number, string[]>()
    const show = (index: number, endpoints: string[]) => {
      wanted.set(index, endpoints)
      proxy.upsertSlice(slice(`s${index}`, endpoints))
    }
    const pool = (index: number) => Array.from({ length: 5 }, (_, i) => `10.244.${index}.${i + 2}`)
    await whileTimePasses(clock, proxy.start())
    for (let index = 0; index < SERVICES; index++) {
      proxy.upsertService(service(`s${index}`, { clusterIP: `10.96.0.${index + 1}` }))
      show(index, pool(index))
    }
    await whileTimePasses(clock, proxy.synced())
    for (let change = 0; change < CHANGES; change++) {
      const index = Math.floor(random() * SERVICES)
      show(index, pick(random, [[], pool(index), pool(index).filter(() => random() < 0.5)]))
      for (const address of pool(index)) kernel.connections.set(`${address}:8080`, random() < 0.3 ? 1 : 0)
      await clock.advance(PACE)
    }
    await clock.advance(9000)
    for (const [index, endpoints] of wanted)
      expect(kernel.endpoints(`tcp 10.96.0.${index + 1} 80`), `s${index}`).to.deep.equal(
        endpoints.map((each) => `${each}:8080`),
      )
    await clock.advance(60_000)
    for (const [index] of wanted)
      expect(kernel.draining(`tcp 10.96.0.${index + 1} 80`), `s${index}`).to.deep.equal([])
    await whileTimePasses(clock, proxy.close())
  })
})
