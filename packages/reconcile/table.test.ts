import { expect } from 'chai'
import { Table } from './table.ts'
import { diff } from './testing/diff.ts'
import { ManualClock } from './testing/manual-clock.ts'
import { MemoryError, MemoryResource } from './testing/memory-resource.ts'
import { pick, seeded, testSeed } from './testing/random.ts'

function setup(state?: Map<string, number>) {
  const resource = new MemoryResource<string, number>('numbers', state)
  const clock = new ManualClock()
  const table = new Table(resource, { clock, random: () => 0.5, backoff: { base: 100, cap: 1000 } })
  return { resource, clock, table }
}

describe('Table', () => {
  it('sends what is dirty in one batch, additions first, and nothing the second time', async () => {
    const { resource, table } = setup()
    table.set('a', 1)
    table.set('b', 2)
    await table.flush()
    table.delete('a')
    table.set('c', 3)
    await table.flush()
    await table.flush()
    expect(resource.batches.map((batch) => batch.map((op) => `${op.kind} ${op.key}`))).to.deep.equal([
      ['add a', 'add b'],
      ['add c', 'remove a'],
    ])
  })

  it('sends no more for one change when there are many others', async () => {
    const { resource, table } = setup()
    for (let index = 0; index < 10_000; index++) table.set(`key-${index}`, index)
    await table.flush()
    resource.batches.length = 0
    table.set('key-5', -5)
    await table.flush()
    expect(resource.batches).to.have.length(1)
    expect(resource.batches[0]).to.have.length(1)
    expect([resource.lists, resource.reads]).to.deep.equal([0, 0])
  })

  it('sends nothing for a change that was taken back', async () => {
    const { resource, table } = setup()
    table.set('a', 1)
    await table.flush()
    table.set('a', 2)
    table.set('a', 1)
    table.set('b', 1)
    table.delete('b')
    await table.flush()
    expect(resource.batches).to.have.length(1)
  })

  it('retries a failing key alone, later and later, while the others go through', async () => {
    const { resource, clock, table } = setup()
    resource.fail = (op) => (op.key === 'bad' ? new MemoryError('EINVAL') : undefined)
    table.set('good', 1)
    table.set('bad', 1)
    expect(await table.flush()).to.deep.equal({ applied: 1, failed: 1 })
    expect(resource.state.get('good')).to.equal(1)
    expect(table.nextRetry()).to.equal(75)
    await table.flush()
    expect(resource.batches).to.have.length(1)
    await clock.advance(75)
    await table.flush()
    expect(table.nextRetry()).to.equal(75 + 150)
    resource.fail = undefined
    await clock.advance(150)
    await table.flush()
    expect(resource.state.get('bad')).to.equal(1)
    expect(table.stats).to.deep.equal({ desired: 2, applied: 2, pending: 0, repaired: 0, failed: 0 })
    expect(table.writes.added).to.equal(2)
  })

  it('tries at once again when the same is wanted once more', async () => {
    const { resource, table } = setup()
    resource.fail = () => new MemoryError('EINVAL')
    table.set('a', 1)
    await table.flush()
    resource.fail = undefined
    table.set('a', 1)
    await table.flush()
    expect(resource.state.get('a')).to.equal(1)
  })

  it('tries at once again when what is wanted has changed', async () => {
    const { resource, table } = setup()
    resource.fail = (op) => (op.kind !== 'remove' && op.value === 1 ? new MemoryError('EINVAL') : undefined)
    table.set('a', 1)
    await table.flush()
    table.set('a', 2)
    expect(await table.flush()).to.deep.equal({ applied: 1, failed: 0 })
  })

  it('reads a key again when it is there unexpectedly, and only that key', async () => {
    const { resource, table } = setup(new Map([['a', 7]]))
    table.set('a', 1)
    table.set('b', 2)
    expect(await table.flush()).to.deep.equal({ applied: 2, failed: 0 })
    expect([...resource.state]).to.deep.equal([
      ['a', 1],
      ['b', 2],
    ])
    expect([resource.lists, resource.reads]).to.deep.equal([0, 1])
  })

  it('adds again what had gone when it was to be replaced', async () => {
    const { resource, table } = setup()
    table.set('a', 1)
    await table.flush()
    resource.state.delete('a')
    table.set('a', 2)
    expect(await table.flush()).to.deep.equal({ applied: 1, failed: 0 })
    expect(resource.state.get('a')).to.equal(2)
  })

  it('backs off when it meets the same surprise twice', async () => {
    const { resource, table } = setup()
    resource.fail = () => new MemoryError('EEXIST')
    table.set('a', 1)
    expect(await table.flush()).to.deep.equal({ applied: 0, failed: 1 })
    expect(resource.batches).to.have.length(2)
    await table.flush()
    expect(resource.batches).to.have.length(2)
  })

  it('takes a rejected batch as unknown, reads it back and finishes it', async () => {
    const { resource, clock, table } = setup()
    const apply = resource.apply.bind(resource)
    resource.apply = async (ops) => {
      await apply(ops.slice(0, 1))
      throw new Error('the connection is gone')
    }
    table.set('a', 1)
    table.set('b', 2)
    expect(await table.flush()).to.deep.equal({ applied: 0, failed: 2 })
    resource.apply = apply
    await clock.advance(1000)
    await table.flush()
    expect(resource.state.size).to.equal(2)
    expect(table.pending()).to.deep.equal([])
  })

  it('adopts what is there, and removes what nobody claimed only when swept', async () => {
    const { resource, table } = setup(
      new Map([
        ['kept', 1],
        ['changed', 1],
        ['stale', 1],
      ]),
    )
    await table.adopt()
    table.set('kept', 1)
    table.set('changed', 2)
    await table.flush()
    expect(resource.batches.flat().map((op) => `${op.kind} ${op.key}`)).to.deep.equal(['replace changed'])
    expect(table.sweep()).to.equal(1)
    await table.flush()
    expect([...resource.state.keys()]).to.deep.equal(['kept', 'changed'])
  })

  it('keeps what it adopted and nobody wants yet until it is swept, whatever is announced or audited meanwhile', async () => {
    const { resource, table } = setup(new Map(Object.entries({ a: 1, b: 2, c: 3 })))
    await table.adopt()
    table.touch('a', { kind: 'unknown' })
    resource.state.set('b', 9)
    await table.audit()
    await table.flush()
    expect(resource.batches).to.deep.equal([])
    table.delete('c')
    await table.flush()
    expect([...resource.state.keys()]).to.deep.equal(['a', 'b'])
    table.set('a', 1)
    table.sweep()
    await table.flush()
    expect([...resource.state]).to.deep.equal([['a', 1]])
    resource.tamper('z', 1)
    table.touch('z')
    await table.flush()
    expect([...resource.state.keys()]).to.deep.equal(['a'])
  })

  it('puts back what a watcher says was taken away, and counts it', async () => {
    const { resource, table } = setup()
    using _ = table.watch()
    table.set('a', 1)
    table.set('b', 1)
    await table.flush()
    await table.flush()
    expect(resource.reads, 'its own changes need no reading').to.equal(0)
    resource.tamper('a', undefined)
    resource.tamper('b', 9)
    await table.flush()
    expect([...resource.state].sort()).to.deep.equal([
      ['a', 1],
      ['b', 1],
    ])
    expect(table.stats.repaired).to.equal(2)
  })

  it('finds and repairs drift in an audit: missing, different, extra', async () => {
    const { resource, table } = setup()
    table.set('missing', 1)
    table.set('different', 1)
    table.set('same', 1)
    await table.flush()
    resource.state.delete('missing')
    resource.state.set('different', 2)
    resource.state.set('extra', 3)
    const drift = await table.audit()
    expect(drift.map(({ key, kind }) => `${key} is ${kind}`)).to.have.members([
      'missing is missing',
      'different is different',
      'extra is extra',
    ])
    await table.flush()
    expect([...resource.state.keys()].sort()).to.deep.equal(['different', 'missing', 'same'])
    expect(table.stats.repaired).to.equal(3)
    expect(await table.audit()).to.deep.equal([])
  })

  it('only reports in an audit that must not repair', async () => {
    const { resource, table } = setup()
    table.set('a', 1)
    await table.flush()
    resource.state.delete('a')
    expect(await table.audit({ repair: false })).to.have.length(1)
    expect(table.pending()).to.deep.equal([])
  })

  it('does not take what is written during an audit for drift', async () => {
    const { resource, table } = setup()
    table.set('a', 1)
    await table.flush()
    const list = resource.list.bind(resource)
    resource.list = async function* () {
      table.set('b', 2)
      table.delete('a')
      await table.flush()
      yield* list()
    }
    expect(await table.audit()).to.deep.equal([])
  })

  describe('in a quick audit', () => {
    /** With a revision that is what is there, and the count of listings so far. */
    async function withRevision() {
      const made = setup()
      const { resource, table } = made
      const revisioned = Object.assign(resource, {
        revision: async () => JSON.stringify([...resource.state]),
      })
      table.set('a', 1)
      table.set('b', 1)
      await table.flush()
      return { ...made, resource: revisioned }
    }

    it('lists nothing while the revision is that of an audit that found nothing', async () => {
      const { resource, table } = await withRevision()
      await table.audit({ quick: true })
      expect(resource.lists).to.equal(1)
      for (let round = 0; round < 3; round++) expect(await table.audit({ quick: true })).to.deep.equal([])
      expect(resource.lists).to.equal(1)
      await table.audit()
      expect(resource.lists, 'a thorough one lists all the same').to.equal(2)
    })

    it('lists, and repairs, once the revision is another one', async () => {
      const { resource, table } = await withRevision()
      await table.audit({ quick: true })
      resource.state.delete('a')
      expect((await table.audit({ quick: true })).map(({ key }) => key)).to.deep.equal(['a'])
      await table.flush()
      expect([...resource.state.keys()].sort()).to.deep.equal(['a', 'b'])
      expect(await table.audit({ quick: true })).to.deep.equal([])
    })

    it('lists again as long as what was found is not repaired', async () => {
      const { resource, table } = await withRevision()
      resource.state.set('a', 2)
      for (let round = 0; round < 2; round++)
        expect(await table.audit({ quick: true, repair: false })).to.have.length(1)
    })

    it('takes no revision for sound at which a key was not judged', async () => {
      const { resource, table } = await withRevision()
      resource.state.set('a', 2)
      // Not judged, because it is to be changed anyway; then it is not.
      table.set('a', 3)
      expect(await table.audit({ quick: true })).to.deep.equal([])
      table.set('a', 1)
      await table.flush()
      expect((await table.audit({ quick: true })).map(({ key }) => key)).to.deep.equal(['a'])
    })

    it('reads again what was written meanwhile, and lists nothing, where the revision tells of others alone', async () => {
      const { resource, table } = await withRevision()
      resource.revision = async () => 'nobody else'
      const list = resource.list.bind(resource)
      resource.list = async function* () {
        table.set('c', 1)
        await table.flush()
        yield* list()
      }
      await table.audit({ quick: true })
      resource.state.delete('c')
      await table.flush()
      expect(resource.state.get('c'), 'what was not judged').to.equal(1)
      await table.audit({ quick: true })
      expect(resource.lists).to.equal(1)
    })

    it('lists always where the revision is not known', async () => {
      const { resource, table } = await withRevision()
      resource.revision = async () => undefined as unknown as string
      await table.audit({ quick: true })
      await table.audit({ quick: true })
      expect(resource.lists).to.equal(2)
    })
  })

  it('removes everything on clear', async () => {
    const { resource, table } = setup(new Map([['old', 1]]))
    await table.adopt()
    table.set('new', 1)
    await table.flush()
    await table.clear()
    expect(resource.state.size).to.equal(0)
  })

  it('converges under random changes, failures and tampering', async () => {
    const seed = testSeed()
    const random = seeded(seed)
    const { resource, clock, table } = setup()
    using _ = table.watch()
    const keys = Array.from({ length: 20 }, (_, index) => `k${index}`)
    resource.fail = () =>
      random() < 0.3 ? new MemoryError(pick(random, ['EINVAL', 'EEXIST', 'ENOENT'])) : undefined
    for (let step = 0; step < 2000; step++) {
      const key = pick(random, keys)
      const action = random()
      if (action < 0.4) table.set(key, Math.floor(random() * 5))
      else if (action < 0.6) table.delete(key)
      else if (action < 0.7) resource.tamper(key, random() < 0.5 ? undefined : 99)
      else if (action < 0.75) await clock.advance(random() * 200)
      else await table.flush()
    }
    resource.fail = undefined
    await clock.advance(2000)
    await table.flush()
    await table.flush()
    const equal = (a: number, b: number) => a === b
    expect(diff(table.desired(), resource.state, equal), `SEED=${seed}`).to.deep.equal([])
    expect(table.pending(), `SEED=${seed}`).to.deep.equal([])
  })
})

describe('diff', () => {
  it('is empty once it was applied', async () => {
    const seed = testSeed()
    const random = seeded(seed)
    const equal = (a: number, b: number) => a === b
    const some = () =>
      new Map(
        Array.from(
          { length: 30 },
          () => [`k${Math.floor(random() * 40)}`, Math.floor(random() * 3)] as const,
        ),
      )
    for (let round = 0; round < 200; round++) {
      const desired = some()
      const resource = new MemoryResource('numbers', some())
      const outcomes = await resource.apply(diff(desired, resource.state, equal))
      expect(
        outcomes.every((outcome) => outcome.ok),
        `SEED=${seed}`,
      ).to.equal(true)
      expect(diff(desired, resource.state, equal), `SEED=${seed}`).to.deep.equal([])
    }
  })
})
