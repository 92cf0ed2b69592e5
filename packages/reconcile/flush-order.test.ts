import { expect } from 'chai'
import { FlushGroup } from './flush-order.ts'
import { Table } from './table.ts'
import { ManualClock } from './testing/manual-clock.ts'
import { MemoryError, MemoryResource } from './testing/memory-resource.ts'

function setup(options: ConstructorParameters<typeof FlushGroup>[1] = {}) {
  const clock = new ManualClock()
  const log: string[] = []
  const tables = ['base', 'middle', 'top'].map((name) => {
    const resource = new MemoryResource<string, number>(name)
    const apply = resource.apply.bind(resource)
    resource.apply = (ops) => {
      for (const op of ops) log.push(`${name} ${op.kind} ${op.key}`)
      return apply(ops)
    }
    return {
      resource,
      table: new Table(resource, { clock, random: () => 1, backoff: { base: 100, cap: 100 } }),
    }
  })
  const group = new FlushGroup(
    tables.map(({ table }) => table),
    { clock, ...options },
  )
  return {
    clock,
    log,
    tables,
    group,
    setAll: (key: string) => {
      for (const { table } of tables) table.set(key, 1)
    },
  }
}

describe('FlushGroup', () => {
  it('adds in the declared order and removes in the reverse one', async () => {
    const { log, group, setAll, tables } = setup()
    setAll('a')
    await group.flush()
    setAll('b')
    for (const { table } of tables) table.delete('a')
    await group.flush()
    expect(log).to.deep.equal([
      'base add a',
      'middle add a',
      'top add a',
      'base add b',
      'middle add b',
      'top add b',
      'top remove a',
      'middle remove a',
      'base remove a',
    ])
  })

  it('lets a table wait whose ground is missing, without trying, and sends it with what comes in its place', async () => {
    const clock = new ManualClock()
    const [ground, held] = [
      new MemoryResource<string, number>('ground'),
      new MemoryResource<string, number>('held'),
    ]
    const options = { clock, random: () => 1, backoff: { base: 100, cap: 100 } }
    const base = new Table(ground, options)
    const top = new Table(held, { ...options, blocked: () => ground.state.size === 0 })
    let flushes = 0
    const group = new FlushGroup([base, top], { clock, onFlushed: () => flushes++ })
    group.start()
    ground.fail = () => new MemoryError('EADDRINUSE')
    base.set('a', 1)
    top.set('a', 1)
    await clock.advance(1000)
    expect([held.batches.length, top.stats.failed, top.status('a').kind]).to.deep.equal([0, 0, 'pending'])
    // One for each try of what is missing: those that wait ask for none.
    expect(flushes).to.be.within(2, 12)
    ground.fail = undefined
    await clock.advance(100)
    expect([...held.state]).to.deep.equal([['a', 1]])
    await group[Symbol.asyncDispose]()
  })

  it('sends nothing before it was started', async () => {
    const { clock, log, group, setAll } = setup()
    setAll('a')
    await clock.advance(10_000)
    expect(log).to.deep.equal([])
    group.start()
    await clock.advance(0)
    expect(log).to.have.length(3)
  })

  it('gathers changes for a bounded time', async () => {
    let flushes = 0
    const { clock, log, group, setAll } = setup({ coalesce: 10, onFlushed: () => flushes++ })
    group.start()
    await clock.advance(10)
    for (let index = 0; index < 9; index++) {
      setAll(`k${index}`)
      await clock.advance(1)
    }
    expect(log).to.deep.equal([])
    await clock.advance(1)
    expect(log).to.have.length(27)
    expect(flushes).to.equal(2)
  })

  it('keeps a distance between flushes under constant change', async () => {
    let flushes = 0
    const { clock, group, setAll } = setup({ interval: 50, onFlushed: () => flushes++ })
    group.start()
    for (let index = 0; index < 100; index++) {
      setAll(`k${index}`)
      await clock.advance(1)
    }
    expect(flushes).to.be.within(2, 3)
  })

  it('comes back by itself for a key that failed', async () => {
    const { clock, group, setAll, tables } = setup()
    const { resource } = tables[1]!
    resource.fail = () => new MemoryError('EBUSY')
    setAll('a')
    group.start()
    await clock.advance(1)
    expect(group.stats().middle).to.deep.include({ failed: 1 })
    resource.fail = undefined
    await clock.advance(100)
    expect(resource.state.get('a')).to.equal(1)
    expect(clock.timers).to.equal(0)
  })

  it('flushes what became dirty while it was flushing', async () => {
    const { clock, log, group, setAll, tables } = setup()
    const apply = tables[2]!.resource.apply
    tables[2]!.resource.apply = (ops) => {
      if (tables[0]!.table.get('late') === undefined) tables[0]!.table.set('late', 1)
      return apply(ops)
    }
    group.start()
    setAll('a')
    await clock.advance(1)
    expect(log).to.include('base add late')
  })

  it('flushes once more when it was asked to while it was flushing, though no table knows yet why', async () => {
    const above = ['first']
    const { clock, log, group, tables } = setup({
      prepare: () => {
        for (const key of above.splice(0)) tables[0]!.table.set(key, 1)
      },
    })
    const apply = tables[0]!.resource.apply
    tables[0]!.resource.apply = async (ops) => {
      const outcomes = await apply(ops)
      if (log.length === 1) {
        above.push('late')
        group.schedule()
      }
      return outcomes
    }
    group.start()
    await clock.advance(1)
    expect(log).to.deep.equal(['base add first', 'base add late'])
    expect(clock.timers).to.equal(0)
  })

  it('fills the tables before each flush', async () => {
    const { clock, tables, group, log } = setup({ prepare: () => tables[0]!.table.set('planned', 1) })
    group.start()
    await clock.advance(0)
    expect(log).to.deep.equal(['base add planned'])
  })

  it('names the tables in which an audit found drift', async () => {
    const { group, setAll, tables } = setup()
    setAll('a')
    await group.flush()
    tables[1]!.resource.state.clear()
    expect([...(await group.audit()).keys()]).to.deep.equal(['middle'])
  })

  it('stops when disposed of', async () => {
    const { clock, log, group, setAll } = setup()
    group.start()
    await clock.advance(0)
    await group[Symbol.asyncDispose]()
    setAll('a')
    await clock.advance(1000)
    expect(log).to.deep.equal([])
  })
})
