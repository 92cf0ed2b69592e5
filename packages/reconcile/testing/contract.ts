/** The contract of a Resource as a test suite: it runs on the fake in memory and on every real one. */
import { expect } from 'chai'
import type { Observation, Resource } from '../resource.ts'
import { codeOf } from '../resource.ts'
import { Table } from '../table.ts'

export interface Samples<K extends string, V> {
  /** At least two things that can exist beside each other. */
  readonly entries: readonly (readonly [K, V])[]
  /** Another value under the first key. */
  readonly replacement: V
  /** A thing that the resource refuses. */
  readonly refused?: readonly [K, V]
}

export type MakeResource<K extends string, V> = () =>
  | Promise<Resource<K, V> & Partial<AsyncDisposable>>
  | (Resource<K, V> & Partial<AsyncDisposable>)

export async function listed<K extends string, V>(resource: Resource<K, V>): Promise<Map<K, V>> {
  const found = new Map<K, V>()
  for await (const portion of resource.list()) for (const [key, value] of portion) found.set(key, value)
  return found
}

/** @param makeResource makes it anew for each test, with nothing of ours in place. */
export function describeResource<K extends string, V>(
  name: string,
  makeResource: MakeResource<K, V>,
  samples: Samples<K, V>,
): void {
  describe(`${name}, as a Resource`, () => {
    const [first, second] = samples.entries as [readonly [K, V], readonly [K, V]]
    let resource: Resource<K, V> & Partial<AsyncDisposable>

    const adding = ([key, value]: readonly [K, V]) => ({ kind: 'add', key, value }) as const
    const removing = ([key, previous]: readonly [K, V]) => ({ kind: 'remove', key, previous }) as const
    const oks = async (ops: Parameters<Resource<K, V>['apply']>[0]) =>
      (await resource.apply(ops)).map((outcome) => outcome.ok)
    const expectListed = async (entries: readonly (readonly [K, V])[]) => {
      const found = await listed(resource)
      expect([...found.keys()].sort()).to.deep.equal(entries.map(([key]) => key).sort())
      for (const [key, value] of entries)
        expect(resource.equal(found.get(key)!, value), `${key} as it was put`).to.equal(true)
    }

    beforeEach(async () => {
      resource = await makeResource()
    })
    afterEach(async () => {
      await resource[Symbol.asyncDispose]?.()
    })

    it('lists nothing where nothing of ours is', () => expectListed([]))

    it('answers an empty batch with no outcomes', async () => {
      expect(await resource.apply([])).to.deep.equal([])
    })

    it('lists what it added, with an equal value', async () => {
      expect(await oks(samples.entries.map(adding))).to.deep.equal(samples.entries.map(() => true))
      await expectListed(samples.entries)
    })

    it('replaces one value and leaves the others', async () => {
      await resource.apply(samples.entries.map(adding))
      const op = { kind: 'replace', key: first[0], value: samples.replacement, previous: first[1] } as const
      expect(await oks([op])).to.deep.equal([true])
      await expectListed([[first[0], samples.replacement], ...samples.entries.slice(1)])
    })

    it('removes what it is told to and nothing else', async () => {
      await resource.apply(samples.entries.map(adding))
      expect(await oks([removing(first)])).to.deep.equal([true])
      await expectListed(samples.entries.slice(1))
    })

    it('carries out additions and removals of one batch', async () => {
      await resource.apply([adding(first)])
      expect(await oks([adding(second), removing(first)])).to.deep.equal([true, true])
      await expectListed([second])
    })

    it('says ENOENT, or that it is done, when the thing to remove is gone; the rest of the batch goes through', async () => {
      const [gone, added] = await resource.apply([removing(first), adding(second)])
      if (gone && !gone.ok) expect(codeOf(gone.error)).to.be.oneOf(['ENOENT', 'ESRCH'])
      expect(added?.ok).to.equal(true)
      await expectListed([second])
    })

    it('says EEXIST, or that it is done, when the very thing is there already', async () => {
      await resource.apply([adding(first)])
      const [again] = await resource.apply([adding(first)])
      if (again && !again.ok) expect(codeOf(again.error)).to.equal('EEXIST')
      await expectListed([first])
    })

    it('reads the keys that it is asked for', async () => {
      if (!resource.read) return
      await resource.apply([adding(first)])
      const found = await resource.read([first[0], second[0]])
      expect([...found.keys()]).to.deep.equal([first[0]])
      expect(resource.equal(found.get(first[0])!, first[1])).to.equal(true)
    })

    it('tells its watcher which keys changed', async () => {
      if (!resource.watch) return
      const touched = new Map<K, Observation<V> | undefined>()
      using _ = resource.watch((key, observation) => touched.set(key, observation))
      await resource.apply([adding(first)])
      await eventually(() => touched.has(first[0]))
      touched.clear()
      await resource.apply([removing(first)])
      await eventually(() => touched.has(first[0]))
    })

    it('is adopted by a new table without a single write', async () => {
      const before = new Table(resource)
      for (const [key, value] of samples.entries) before.set(key, value)
      await before.flush()
      const after = new Table(resource)
      for (const [key, value] of samples.entries) after.set(key, value)
      await after.adopt()
      expect(after.pending()).to.deep.equal([])
      expect(after.sweep()).to.equal(0)
    })

    it('is cleared to nothing', async () => {
      const table = new Table(resource)
      for (const [key, value] of samples.entries) table.set(key, value)
      await table.flush()
      expect((await table.clear()).failed).to.equal(0)
      await expectListed([])
    })

    if (samples.refused) describeRefusal(samples.refused)

    function describeRefusal(refused: readonly [K, V]): void {
      it('refuses a bad thing by itself: the rest of the batch goes through', async () => {
        expect(await oks([adding(first), adding(refused), adding(second)])).to.deep.equal([true, false, true])
        await expectListed([first, second])
      })
    }
  })
}

/** Waits for news that take their way through the kernel. @throws Error after two seconds. */
async function eventually(condition: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (condition()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('it never happened')
}
