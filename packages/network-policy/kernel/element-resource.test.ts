import type { ElementChange } from '@podroute/kernel/nft/api.ts'
import { elementKey } from '@podroute/kernel/nft/element.ts'
import { FakeKernel } from '@podroute/kernel/testing/fake-kernel.ts'
import type { Op } from '@podroute/reconcile/resource.ts'
import { expect } from 'chai'
import { PolicyElementResource } from './element-resource.ts'

const PEERS = 'peer-0123456789ab-4'
const way = { set: 'ingress-4', element: '10.1.0.1 : goto ingress-4-0123456789ab' }
const peers = Array.from({ length: 5000 }, (_, n) => ({
  set: PEERS,
  element: `10.${n >> 8}.${n & 255}.1`,
}))

/** Sets of each transaction, in their order. @param refused what the kernel does not take */
function start(refused = '') {
  const transactions: string[][] = []
  const { nft } = new FakeKernel()
  nft.writeElements = async (_table: string, changes: readonly ElementChange[]) => {
    if (changes.some(({ elements }) => elements.includes(refused))) throw new Error('refused')
    transactions.push(changes.map(({ kind, set, elements }) => `${kind} ${elements.length} ${set}`))
  }
  const resource = new PolicyElementResource(nft)
  return { transactions, resource }
}

describe('elements of policies', () => {
  it('lead to a chain last, with those that its rules name where they are few', async () => {
    const { transactions, resource } = start()
    const add = [way, ...peers].map(
      (value): Op<string, typeof value> => ({ kind: 'add', key: elementKey(value), value }),
    )
    await resource.apply(add.slice(0, 3))
    await resource.apply(add)
    expect(transactions).to.deep.equal([
      [`add 2 ${PEERS}`, 'add 1 ingress-4'],
      [`add 4096 ${PEERS}`],
      [`add 904 ${PEERS}`, 'add 1 ingress-4'],
    ])
  })

  it('lead there no more before those go that its rules name', async () => {
    const { transactions, resource } = start()
    const remove = [...peers, way].map(
      (previous): Op<string, typeof previous> => ({ kind: 'remove', key: elementKey(previous), previous }),
    )
    await resource.apply(remove)
    expect(transactions).to.deep.equal([
      [`delete 1 ingress-4`, `delete 4095 ${PEERS}`],
      [`delete 905 ${PEERS}`],
    ])
  })

  it('have their outcomes in the order in which they were given', async () => {
    const bad = peers[1]!
    const { resource } = start(bad.element)
    const outcomes = await resource.apply(
      [way, ...peers.slice(0, 3)].map((value) => ({ kind: 'add', key: elementKey(value), value })),
    )
    expect(outcomes.map(({ ok }) => ok)).to.deep.equal([true, true, false, true])
  })
})
