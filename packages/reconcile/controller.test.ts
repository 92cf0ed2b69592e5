import { expect } from 'chai'
import { Controller, type ControllerOptions } from './controller.ts'
import { Table } from './table.ts'
import { ManualClock } from './testing/manual-clock.ts'
import { MemoryError, MemoryResource } from './testing/memory-resource.ts'
import { pick, seeded, testSeed } from './testing/random.ts'

function setup({
  says = true,
  ...more
}: Partial<ControllerOptions<string>> & { readonly says?: boolean } = {}) {
  const clock = new ManualClock()
  const resource = new MemoryResource<string, string>('routes')
  const table = new Table(resource, { clock, random: () => 1, backoff: { base: 100, cap: 100 } })
  /** What the API server would say. */
  const objects = new Map<string, string>()
  const planned: string[] = []
  const controller = new Controller<string>({
    tables: [table],
    plan(key) {
      planned.push(key)
      const before = table.get(key)
      const wanted = objects.get(key)
      if (wanted === 'broken') throw new Error('cannot plan this')
      if (wanted === undefined) table.delete(key)
      else table.set(key, wanted)
      return says ? before !== wanted : undefined
    },
    wants: (key) => (table.get(key) === undefined ? [] : [{ table, key }]),
    clock,
    ...more,
  })
  const put = (key: string, value: string | undefined) => {
    if (value === undefined) objects.delete(key)
    else objects.set(key, value)
    controller.mark(key)
  }
  return { clock, resource, table, objects, planned, controller, put }
}

describe('Controller', () => {
  it('plans nothing and writes nothing before it is started', async () => {
    const { clock, planned, put } = setup()
    put('a', '1')
    await clock.advance(60_000)
    expect(planned).to.deep.equal([])
  })

  it('plans a key once for several changes that come together', async () => {
    const { clock, planned, put, controller, resource } = setup({ coalesce: 10 })
    controller.start()
    put('a', '1')
    put('a', '2')
    await clock.advance(10)
    expect(planned).to.deep.equal(['a'])
    expect([...resource.state]).to.deep.equal([['a', '2']])
  })

  it('plans in chunks, the first key before all others', async () => {
    const { planned, controller, objects, resource } = setup({ chunk: 2, first: 'kubernetes' })
    for (const key of ['a', 'b', 'c', 'kubernetes']) objects.set(key, '1')
    controller.markAll(objects.keys())
    await controller.flush()
    expect([planned.length, controller.hasDirtyKeys]).to.deep.equal([2, true])
    await controller.settle()
    expect(controller.hasDirtyKeys).to.equal(false)
    expect(planned).to.deep.equal(['kubernetes', 'a', 'b', 'c'])
    expect(resource.batches.map((batch) => batch.length)).to.deep.equal([2, 2])
  })

  it('lets one key that cannot be planned stop no other', async () => {
    const { controller, put, resource } = setup()
    put('a', 'broken')
    put('b', '1')
    await controller.settle()
    expect([...resource.state.keys()]).to.deep.equal(['b'])
  })

  it('says of each key whether it is in place, since when, and why not', async () => {
    const { clock, controller, put, resource } = setup({
      problems: (key) => (key === 'bad' ? ['spec.port: missing'] : []),
    })
    expect(controller.status('a')).to.deep.equal({ state: 'absent', since: undefined, reasons: [] })
    await clock.advance(1000)
    resource.fail = () => new MemoryError('EPERM')
    put('a', '1')
    expect(controller.status('a').state).to.equal('pending')
    await controller.flush()
    expect(controller.status('a')).to.deep.equal({
      state: 'failed',
      since: 1000,
      reasons: ['routes a: EPERM'],
    })
    resource.fail = undefined
    controller.start()
    await clock.advance(2000)
    expect(controller.status('a').state).to.equal('in-place')
    put('a', '2')
    await clock.advance(0)
    expect(controller.status('a')).to.deep.equal({ state: 'in-place', since: 3000, reasons: [] })
    put('bad', undefined)
    await clock.advance(0)
    expect(controller.status('bad').state).to.equal('refused')
  })

  it('says since when a key is in place that failed at first', async () => {
    const { clock, controller, put, resource } = setup()
    controller.start()
    resource.fail = () => new MemoryError('EPERM')
    put('a', '1')
    await clock.advance(250)
    expect(controller.status('a')).to.deep.include({ state: 'failed', since: 0 })
    resource.fail = undefined
    await clock.advance(1000)
    expect(controller.status('a')).to.deep.include({ state: 'in-place', since: 300 })
    put('b', '1')
    await clock.advance(1000)
    expect(controller.status('a').since, 'whatever comes later').to.equal(300)
  })

  for (const says of [true, false])
    it(`keeps since when a key is in place while it is planned again to the same, ${says ? 'as planning says' : 'as the tables know'}`, async () => {
      const { clock, controller, put } = setup({ says })
      controller.start()
      put('a', '1')
      await clock.advance(500)
      put('a', '1')
      await clock.advance(500)
      expect(controller.status('a').since).to.equal(0)
      put('a', '2')
      await clock.advance(500)
      expect(controller.status('a').since).to.equal(1000)
    })

  it('knows how long the oldest change waits', async () => {
    const { clock, controller, put, resource } = setup()
    put('a', '1')
    await clock.advance(700)
    expect(controller.oldestPending()).to.equal(0)
    await controller.settle()
    expect(controller.oldestPending()).to.equal(undefined)
    expect(resource.state.size).to.equal(1)
  })

  it('repairs what nobody announced within two pauses of its audit', async () => {
    const { clock, controller, put, resource } = setup({ auditPause: 5000 })
    controller.start()
    put('a', '1')
    await clock.advance(10)
    resource.state.delete('a')
    await clock.advance(10_000)
    expect([...resource.state]).to.deep.equal([['a', '1']])
  })

  it('ends, after any sequence of changes, drifts and failures, at what the last objects say', async () => {
    const seed = testSeed()
    const random = seeded(seed)
    for (let round = 0; round < 20; round++) {
      const { clock, controller, put, objects, resource } = setup({ auditPause: 1000, coalesce: 5 })
      controller.start()
      resource.fail = () => (random() < 0.2 ? new MemoryError('EBUSY') : undefined)
      for (let step = 0; step < 50; step++) {
        const key = pick(random, ['a', 'b', 'c'])
        if (random() < 0.2) resource.state.set(pick(random, ['a', 'b', 'x']), 'of somebody else')
        else put(key, random() < 0.3 ? undefined : `${step}`)
        await clock.advance(Math.floor(random() * 20))
      }
      resource.fail = undefined
      await clock.advance(5000)
      expect(Object.fromEntries(resource.state), `SEED=${seed}`).to.deep.equal(Object.fromEntries(objects))
      await controller[Symbol.asyncDispose]()
    }
  })
})
