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
    await own(0)
    expect(await changes.revision()).to.equal(first)
    kernel.generation++
    const second = await changes.revision()
    expect(second).not.to.equal(first)
    kernel.generation++
    await own()
    expect(await changes.revision(), 'beside one of ours').not.to.equal(second)
  })

  it('are not told while ours are under way, and are taken for granted where the count begins anew', async () => {
    const { kernel, changes } = start()
    const first = await changes.revision()
    await changes.own(async () => {
      expect(await changes.revision()).to.equal(undefined)
    })
    expect(await changes.revision()).to.equal(first)
    kernel.generation = 1
    expect(await changes.revision()).not.to.equal(first)
  })
})
