// A speaker with several addresses: it accepts at each of them, and connects from the peer's `localAddress`.
import { expect } from 'chai'
import { Speaker } from '../../speaker.ts'
import { Bench, SPEAKER } from '../../testing/bench.ts'

const FAMILIES = ['ipv4-unicast'] as const

describe('several local addresses', () => {
  let bench: Bench

  beforeEach(async () => {
    bench = await Bench.started({ listen: { addresses: [SPEAKER, '10.7.0.1', 'fd00::1'], port: 179 } })
  })
  afterEach(() => bench.close())

  it('are all listened on, and a peer may come to any of them', () => {
    expect(bench.speaker.listening().map(({ address }) => address)).to.deep.equal([
      SPEAKER,
      '10.7.0.1',
      'fd00::1',
    ])
    for (const [last, address] of [
      [2, SPEAKER],
      [3, '10.7.0.1'],
      [4, 'fd00::1'],
    ] as const) {
      bench.peer({ address: `10.0.0.${last}`, speaker: address }).establish()
      expect(bench.speaker.peers().at(-1)).to.include({ state: 'established', localAddress: address })
    }
  })

  it('are the next hop of each session that runs over them', () => {
    bench.speaker.announce({ prefix: '10.9.0.0/16' })
    const hops = ['10.0.0.1', '10.7.0.1'].map((address, i) => {
      const peer = bench.peer({ address: `10.0.0.${i + 2}`, speaker: address }).establish()
      return peer
        .heard()
        .flatMap((m) => (m.kind === 'update' && m.nlri.length > 0 ? [m.attributes.nextHop] : []))
    })
    expect(hops).to.deep.equal([['10.0.0.1'], ['10.7.0.1']])
  })

  it('are what connections to a peer come from', async () => {
    const seen: string[] = []
    const transport = bench.network.transport('10.0.0.8')
    const listener = await transport.listen({ port: 179 }, (connection) => {
      seen.push(connection.remoteAddress)
    })
    for (const localAddress of [SPEAKER, '10.7.0.1']) {
      bench.speaker.addPeer({ address: '10.0.0.8', asn: 1, families: FAMILIES, localAddress })
      bench.clock.settle()
      const removed = bench.speaker.removePeer('10.0.0.8')
      bench.clock.advance(2000)
      await removed
    }
    expect(seen).to.deep.equal([SPEAKER, '10.7.0.1'])
    await listener.close()
  })

  it('are others while the speaker runs, and no session ends for that', async () => {
    const first = bench.peer({ address: '10.0.0.2', speaker: '10.7.0.1' }).establish()
    await bench.speaker.listenOn([SPEAKER, 'fd00::1', '10.8.0.1'])
    expect(bench.speaker.listening().map(({ address }) => address)).to.have.members([
      ...[SPEAKER, 'fd00::1', '10.8.0.1'],
    ])
    bench.clock.advance(1000)
    bench.peer({ address: '10.0.0.3', speaker: '10.8.0.1' }).establish()
    expect(bench.speaker.peers().map(({ state }) => state)).to.deep.equal(['established', 'established'])
    expect(first.heard().some(({ kind }) => kind === 'notification')).to.equal(false)
  })

  it('stay where another one cannot be bound', async () => {
    const taken = bench.network.transport('10.0.0.8')
    const listener = await taken.listen({ address: '10.9.0.9', port: 179 }, () => {})
    let error: unknown
    await bench.speaker.listenOn(['10.9.0.9']).catch((reason: unknown) => {
      error = reason
    })
    expect(String(error)).to.include('is taken')
    expect(bench.speaker.listening().map(({ address }) => address)).to.include(SPEAKER)
    await listener.close()
  })

  it('that cannot be bound keep the speaker from starting', async () => {
    const second = new Speaker({
      asn: 1,
      routerId: '10.0.0.9',
      clock: bench.clock,
      transport: bench.network.transport('10.0.0.9'),
      listen: { addresses: ['10.0.0.9', SPEAKER], port: 179 },
    })
    let error: unknown
    await second.start().catch((reason: unknown) => {
      error = reason
    })
    expect(String(error)).to.include('is taken')
    await second.close()
  })
})
