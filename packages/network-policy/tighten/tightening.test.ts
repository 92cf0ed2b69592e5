import type { ElementChange } from '@podroute/kernel/nft/api.ts'
import type { Flow } from '@podroute/linux/conntrack.ts'
import { silent } from '@podroute/reconcile/log.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { Tightening } from './tightening.ts'

const flow = (family: 4 | 6, source: string, destination: string): Flow => ({
  ...{ family, protocol: 'udp', identity: { original: new Uint8Array() } },
  original: { source, sourcePort: 40_000, destination, destinationPort: 53 },
  reply: { source: destination, sourcePort: 53, destination: source, destinationPort: 40_000 },
})

describe('open connections that policies do not allow any more', () => {
  it('end in whatever family can be written, while another one cannot, of one walk through all that there are', async () => {
    const all = [
      flow(4, '10.1.0.2', '10.1.0.3'),
      flow(6, 'fd10::2', 'fd10::3'),
      flow(6, 'fd10::4', 'fd10::5'),
    ]
    const removed: Flow[] = []
    const written: ElementChange[] = []
    let walks = 0
    const select = async (wants: (flow: Flow) => boolean) => {
      walks++
      return all.filter(wants)
    }
    const forget = async (flows: readonly Flow[]) => removed.push(...flows)
    const writeElements = async (_table: string, changes: readonly ElementChange[]) => {
      if (changes.some(({ set }) => set === 'ended-4')) throw new Error('no')
      written.push(...changes)
    }
    await using tightening = new Tightening({
      ...{ flows: { select, forget }, nft: { writeElements } },
      ...{ clock: new ManualClock(), log: silent },
      nodeAddresses: async () => [],
      mayTalk: () => false,
    })
    for (const address of ['10.1.0.3', 'fd10::3']) tightening.touched(address)
    tightening.flushed()
    await tightening.settled
    expect(removed).to.deep.equal([all[1]])
    expect(walks).to.equal(1)
    const asked = written.filter(({ set }) => set === 'ended-protocols')
    expect(asked.map(({ kind }) => kind)).to.deep.equal([1, 2].flatMap(() => ['add', 'delete', 'add']))
    expect(asked.at(-1)).to.deep.include({ elements: ['17'], timeout: 24 * 3_600_000 })
    const [flows, ...more] = written.filter((change) => !asked.includes(change))
    expect(more).to.deep.equal([])
    expect(flows).to.include({ kind: 'add', set: 'ended-6', timeout: 24 * 3_600_000 })
    expect(flows!.elements).to.include('fd10::2 . 40000 . fd10::3 . 53 . 17')
  })
})
