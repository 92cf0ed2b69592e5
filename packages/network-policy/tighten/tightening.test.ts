import type { ElementChange } from '@podroute/kernel/nft/api.ts'
import type { Flow, FlowFilter } from '@podroute/linux/conntrack.ts'
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
  it('end in whatever family and protocol can be listed, while another one cannot', async () => {
    const all = [
      flow(4, '10.1.0.2', '10.1.0.3'),
      flow(6, 'fd10::2', 'fd10::3'),
      flow(6, 'fd10::4', 'fd10::5'),
    ]
    const removed: Flow[] = []
    const written: ElementChange[] = []
    const list = async ({ family, protocol }: FlowFilter) => {
      if (family === 4) throw new Error('no')
      return all.filter((flow) => flow.family === family && flow.protocol === protocol)
    }
    const remove = async (filter: FlowFilter, select: (flow: Flow) => boolean) =>
      removed.push(...(await list(filter)).filter(select))
    await using tightening = new Tightening({
      ...{
        flows: { list, remove },
        nft: { writeElements: async (_table, changes) => void written.push(...changes) },
      },
      ...{ clock: new ManualClock(), log: silent },
      nodeAddresses: async () => [],
      mayTalk: () => false,
    })
    for (const address of ['10.1.0.3', 'fd10::3']) tightening.touched(address)
    tightening.flushed()
    await tightening.settled
    expect(removed).to.deep.equal([all[1]])
    expect(written).to.have.length(1)
    expect(written[0]).to.include({ kind: 'add', set: 'ended-6', timeout: 24 * 3_600_000 })
    expect(written[0]!.elements).to.include('fd10::2 . 40000 . fd10::3 . 53 . 17')
  })
})
