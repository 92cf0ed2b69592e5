// Engines are shared while they are used, and gone afterwards.
import { expect } from 'chai'
import { AttributeTable } from '../rib/attribute-table.ts'
import { Bench } from '../testing/bench.ts'
import { heapInUse } from '../testing/heap.ts'
import type { PolicyEngine } from './engine.ts'
import { PolicyEngines } from './engines.ts'
import type { Policy } from './policy.ts'

/** What is believed of a node after so many changes of it. */
function policyOf(node: number, change = 0, prefixes = 1): Policy {
  const inside = Array.from({ length: prefixes }, (_, i) => ({ prefix: `10.${i % 200}.${node}.0/24` }))
  return {
    rules: [
      {
        name: `node-${node}-${change}`,
        match: { prefixes: inside, nextHops: ['10.0.0.1'] },
        verdict: 'accept',
      },
    ],
    otherwise: 'reject',
  }
}

/** A turn of the event loop between two collections: a WeakRef holds what it has returned until the turn ends, and registries are told after it. */
async function collect(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    heapInUse()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('policy engines', () => {
  it('are one for equal policies, and none for one that takes everything', () => {
    const engines = new PolicyEngines(new AttributeTable())
    const engine = engines.get(policyOf(1))
    expect(engine).to.not.equal(undefined)
    expect(engines.get(policyOf(1))).to.equal(engine)
    expect(engines.get(policyOf(2))).to.not.equal(engine)
    expect(engines.get({ rules: [], otherwise: 'accept' })).to.equal(undefined)
    expect(engines.get(undefined)).to.equal(undefined)
  })

  it('are as many as the policies in use, after 600 changes of ten nodes', async () => {
    const engines = new PolicyEngines(new AttributeTable())
    const used = new Map<number, PolicyEngine>()
    for (let change = 0; change < 600; change++)
      used.set(change % 10, engines.get(policyOf(change % 10, change))!)
    await collect()
    expect(engines.size).to.equal(10)
    for (const [node, engine] of used) expect(engines.get(policyOf(node, 590 + node))).to.equal(engine)
  })

  it('of a peer that changes 600 times do not pile up', async () => {
    const bench = await Bench.started()
    const config = (change: number) => ({ importPolicy: policyOf(1, change, 200) })
    const peer = bench.peer({}, config(0)).establish()
    const change = async (from: number, to: number) => {
      const { address } = peer.options
      for (let i = from; i < to; i++)
        bench.speaker.updatePeer({ ...bench.speaker.configuration(address)!, ...config(i) })
      await collect()
      return heapInUse()
    }
    const before = await change(1, 50)
    expect((await change(50, 650)) - before).to.be.below(2 << 20)
    await bench.close()
  })
})
