// Several paths to one prefix from one peer (RFC 7911), as the one who receives them.
import { expect } from 'chai'
import type { Capability } from './packet/capabilities.ts'
import { Bench } from './testing/bench.ts'
import type { RawPeer } from './testing/raw-peer.ts'

const SENDS: Capability = {
  kind: 'add-path',
  families: [
    { afi: 1, safi: 1, receive: false, send: true },
    { afi: 2, safi: 1, receive: false, send: true },
  ],
}
const PREFIX = '10.1.0.0/16'
const path = (nextHop: string, ...asns: number[]) => ({
  origin: 'igp' as const,
  asPath: [{ kind: 'sequence' as const, asns: [64513, ...asns] }],
  nextHop,
})

describe('add-path', () => {
  let bench: Bench
  let peer: RawPeer

  const begin = async (config = {}, speaker = {}) => {
    bench = await Bench.started(speaker)
    peer = bench.peer({ capabilities: [SENDS] }, { addPathReceive: true, ...config }).establish()
  }
  const send = (pathId: number, nextHop: string, ...asns: number[]) =>
    peer.send({
      kind: 'update',
      withdrawn: [],
      attributes: path(nextHop, ...asns),
      nlri: [{ prefix: PREFIX, pathId }],
    })
  const withdraw = (pathId: number) =>
    peer.send({ kind: 'update', withdrawn: [{ prefix: PREFIX, pathId }], attributes: {}, nlri: [] })
  const all = () =>
    bench.speaker
      .paths(PREFIX)
      .map(({ pathId, nextHop }) => [pathId, nextHop])
      .sort()

  afterEach(() => bench.close())

  it('offers to receive, in each family', async () => {
    await begin()
    const [open] = peer.heard()
    expect(open?.kind === 'open' && open.capabilities.find(({ kind }) => kind === 'add-path')).to.deep.equal({
      kind: 'add-path',
      families: [1, 2].map((afi) => ({ afi, safi: 1, receive: true, send: false })),
    })
  })

  it('keeps all paths, uses the best, and falls back to the next', async () => {
    await begin()
    send(1, '10.0.0.21', 7)
    send(2, '10.0.0.22')
    send(3, '10.0.0.23', 7, 8)
    bench.clock.settle()
    expect(all()).to.deep.equal([
      [1, '10.0.0.21'],
      [2, '10.0.0.22'],
      [3, '10.0.0.23'],
    ])
    expect(bench.best.get(PREFIX)).to.equal('10.0.0.22')
    withdraw(2)
    expect(bench.prefixes()).to.deep.equal([PREFIX])
    expect(bench.best.get(PREFIX)).to.equal('10.0.0.21')
    withdraw(1)
    withdraw(3)
    expect(bench.prefixes()).to.deep.equal([])
  })

  it('replaces a path by another of the same identifier', async () => {
    await begin()
    send(1, '10.0.0.21')
    send(1, '10.0.0.29')
    expect(all()).to.deep.equal([[1, '10.0.0.29']])
    expect(bench.speaker.peers()[0]?.counters.prefixesReceived).to.equal(1)
  })

  it('gives several ways at once with multipath', async () => {
    await begin({}, { multipath: 4 })
    send(1, '10.0.0.21')
    send(2, '10.0.0.22')
    bench.clock.settle()
    expect(bench.changes.at(-1)?.multipath?.map(({ nextHop }) => nextHop)).to.deep.equal([
      '10.0.0.21',
      '10.0.0.22',
    ])
  })

  it('drops all paths with the session', async () => {
    await begin()
    send(1, '10.0.0.21')
    send(2, '10.0.0.22')
    peer.crash()
    expect(bench.prefixes()).to.deep.equal([])
    expect(all()).to.deep.equal([])
  })

  it('takes NLRI without identifiers where the peer did not offer to send them', async () => {
    await begin()
    peer.crash()
    peer.establish([]).announce(PREFIX)
    expect(all()).to.deep.equal([[undefined, '10.0.0.2']])
  })

  it('resets the session on NLRI that are cut short', async () => {
    await begin()
    peer.heard()
    peer.announce(PREFIX)
    expect(peer.names().at(-1)).to.equal('notification 3/10')
  })
})
