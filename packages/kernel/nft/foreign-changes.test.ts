import { expect } from 'chai'
import { ForeignChanges } from './foreign-changes.ts'

function start() {
  const kernel = { generation: 7 }
  const changes = new ForeignChanges(async () => kernel.generation)
  const own = (count = 1) =>
    changes.own(async () => {
      kernel.generation += count
    })
  return { kernel, changes, own }
}

describe('changes of nftables by others', () => {
  it('are seen, and our own are not', async () => {
    const { kernel, changes, own } = start()
    const first = await changes.revision()
    await own()
    await own()
    expect(await changes.revision()).to.equal(first)
    kernel.generation++
    const second = await changes.revision()
    expect(second).not.to.equal(first)
    kernel.generation++
    await own()
    expect(await changes.revision(), 'beside one of ours').not.to.equal(second)
  })

  it('are told when none of ours is under way, and are taken for granted where the count begins anew', async () => {
    const { kernel, changes } = start()
    const first = await changes.revision()
    const asked: Promise<string | undefined>[] = []
    await changes.own(async () => {
      asked.push(changes.revision())
      await new Promise((resolve) => setImmediate(resolve))
      kernel.generation++
    })
    expect(await asked[0], 'asked meanwhile').to.equal(first)
    await Promise.all([1, 2, 3].map(() => changes.own(async () => void kernel.generation++)))
    expect(await changes.revision(), 'several at once').to.equal(first)
    kernel.generation = 1
    expect(await changes.revision()).not.to.equal(first)
  })

  it('hide behind none of ours that failed', async () => {
    const { kernel, changes } = start()
    const first = await changes.revision()
    await changes.own(() => Promise.reject(new Error('refused'))).catch(() => undefined)
    kernel.generation++
    expect(await changes.revision()).not.to.equal(first)
  })
})
