// Add-path (RFC 7911): several paths to one prefix, received and sent.
import { expect } from 'chai'
import type { Capability } from '../../packet/capabilities.ts'
import { ASN, Bench, SPEAKER } from '../../testing/bench.ts'
import type { RawPeer } from '../../testing/raw-peer.ts'

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

describe('add-path from a peer', () => {
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

  it('tells of every change of any path, with all that there are, in one event a turn', async () => {
    await begin()
    const events: string[][] = []
    bench.speaker.on('paths', (changes) => {
      events.push(
        changes.map(
          ({ prefix, paths }) =>
            `${prefix} ${paths
              .map(({ pathId }) => pathId)
              .sort()
              .join()}`,
        ),
      )
    })
    send(1, '10.0.0.21')
    send(2, '10.0.0.22', 7, 8)
    send(2, '10.0.0.22', 7, 8)
    bench.peer({ address: '10.0.0.3', asn: 64514 }).establish().announce('10.5.0.0/16')
    withdraw(2)
    peer.crash()
    bench.clock.settle()
    expect(events).to.deep.equal([
      [`${PREFIX} 1`],
      [`${PREFIX} 1,2`],
      ['10.5.0.0/16 '],
      [`${PREFIX} 1`],
      [`${PREFIX} `],
    ])
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

describe('add-path to a peer', () => {
  const RECEIVES: Capability = {
    kind: 'add-path',
    families: [1, 2].map((afi) => ({ afi, safi: 1, receive: true, send: false })),
  }
  const LISTENER = '10.0.0.9'
  let bench: Bench
  let a: RawPeer
  let b: RawPeer
  let listener: RawPeer
  /** What the listener knows: next hops by prefix and path identifier. */
  let known: Map<string, string | undefined>

  const begin = async (config = {}, asn = ASN) => {
    bench = await Bench.started()
    a = bench.peer().establish()
    b = bench.peer({ address: '10.0.0.3', asn: 64514 }).establish()
    known = new Map()
    const options = { address: LISTENER, asn, capabilities: [RECEIVES], readsPathIds: true }
    listener = bench.peer(options, { addPathSend: true, ...config })
  }
  const listen = () => {
    for (const message of listener.heard()) {
      if (message.kind !== 'update') continue
      const { withdrawn, nlri, mpReach, mpUnreach, attributes } = message
      for (const { prefix, pathId } of [...withdrawn, ...(mpUnreach?.nlri ?? [])]) {
        expect(known.delete(`${prefix}#${pathId}`), `${prefix}#${pathId} is known`).to.equal(true)
      }
      for (const { prefix, pathId } of nlri) known.set(`${prefix}#${pathId}`, attributes.nextHop)
      for (const { prefix, pathId } of mpReach?.nlri ?? []) known.set(`${prefix}#${pathId}`, mpReach!.nextHop)
    }
    return [...known.values()].sort()
  }

  afterEach(() => bench.close())

  it('tells all paths, to one that was there before and to one that comes later', async () => {
    await begin()
    a.announce(PREFIX)
    listener.establish()
    expect(listen()).to.deep.equal(['10.0.0.2'])
    b.announce(PREFIX)
    expect(listen()).to.deep.equal(['10.0.0.2', '10.0.0.3'])
    listener.crash()
    known.clear()
    listener.establish()
    expect(listen()).to.deep.equal(['10.0.0.2', '10.0.0.3'])
  })

  it('follows changes of each path, of which is best, and withdrawals', async () => {
    await begin()
    listener.establish()
    a.announce(PREFIX)
    b.announce(PREFIX)
    listen()
    a.announceWith({ asPath: [{ kind: 'sequence', asns: [64513, 7, 8] }] }, PREFIX)
    expect(bench.best.get(PREFIX)).to.equal('10.0.0.3')
    expect(listen()).to.deep.equal(['10.0.0.2', '10.0.0.3'])
    b.withdraw(PREFIX)
    expect(listen()).to.deep.equal(['10.0.0.2'])
    a.crash()
    expect(listen()).to.deep.equal([])
    b.announce(PREFIX)
    expect(listen()).to.deep.equal(['10.0.0.3'])
    expect(bench.speaker.tables()['ipv4-unicast']).to.deep.equal({ prefixes: 1, paths: 1 })
  })

  it('tells IPv6 paths, and own ones beside learned ones', async () => {
    await begin()
    listener.establish()
    bench.speaker.announce({ prefix: 'fd10::/48', nextHop: 'fd00::77' })
    a.announce('fd10::/48')
    expect(listen()).to.deep.equal(['fd00::2', 'fd00::77'])
  })

  it('does not tell a peer its own paths, nor those that policy holds back', async () => {
    const exportPolicy = {
      rules: [{ name: 'no-b', match: { neighbours: ['10.0.0.3'] }, verdict: 'reject' as const }],
      otherwise: 'accept' as const,
    }
    await begin({ exportPolicy }, 64999)
    listener.establish()
    listener.announceWith({ asPath: [{ kind: 'sequence', asns: [64999] }] }, PREFIX)
    a.announce(PREFIX)
    b.announce(PREFIX)
    // Next hops to external peers are our own: what counts is how many there are.
    expect(listen().length).to.equal(1)
  })

  it('takes a changed policy over without a reset, paths beside the best included', async () => {
    await begin()
    listener.establish()
    a.announce(PREFIX)
    b.announce(PREFIX)
    listen()
    const config = {
      address: LISTENER,
      asn: ASN,
      families: ['ipv4-unicast', 'ipv6-unicast'] as const,
      nextHop: { ipv6: 'fd00::1' },
      passive: true,
      addPathSend: true,
    }
    const only = (neighbour: string) => ({
      rules: [{ name: 'only', match: { neighbours: [neighbour] }, verdict: 'accept' as const }],
      otherwise: 'reject' as const,
    })
    bench.speaker.updatePeer({ ...config, exportPolicy: only('10.0.0.3') })
    bench.clock.advance(1000)
    for (const message of listener.heard()) {
      if (message.kind !== 'update') continue
      for (const { prefix, pathId } of message.withdrawn) known.delete(`${prefix}#${pathId}`)
      for (const { prefix, pathId } of message.nlri)
        known.set(`${prefix}#${pathId}`, message.attributes.nextHop)
    }
    expect([...known.values()]).to.deep.equal(['10.0.0.3'])
    expect(bench.downs()).to.deep.equal([])
  })

  it('tells a slow peer the latest of all paths when it reads again', async () => {
    await begin()
    listener.establish()
    listen()
    const prefixes = Array.from({ length: 200 }, (_, i) => `20.${i >> 8}.${i & 255}.0/24`)
    bench.network.stall(LISTENER, SPEAKER, true)
    for (let round = 0; round < 30; round++) {
      const communities = Array.from({ length: 100 }, (_, i) => 65536 * (round + 1) + i)
      const other = { communities, asPath: [{ kind: 'sequence', asns: [round % 2 ? 64513 : 64514, 9] }] }
      for (const prefix of prefixes) (round % 2 ? a : b).announceWith(other, prefix)
      bench.clock.advance(1000)
    }
    for (const prefix of prefixes.slice(0, 100)) a.withdraw(prefix)
    bench.clock.advance(3000)
    bench.network.stall(LISTENER, SPEAKER, false)
    bench.clock.advance(5000)
    for (const message of listener.heard()) {
      if (message.kind !== 'update') continue
      for (const { prefix, pathId } of message.withdrawn) known.delete(`${prefix}#${pathId}`)
      for (const { prefix, pathId } of message.nlri)
        known.set(`${prefix}#${pathId}`, message.attributes.nextHop)
    }
    const hops = [...known.values()]
    expect(hops.filter((hop) => hop === '10.0.0.2').length).to.equal(100)
    expect(hops.filter((hop) => hop === '10.0.0.3').length).to.equal(200)
  })

  it('tells only the best to a peer that did not ask for more', async () => {
    await begin()
    const options = { address: '10.0.0.8', asn: ASN }
    const plain = bench.peer(options, { addPathSend: true }).establish([])
    plain.heard()
    a.announce(PREFIX)
    b.announce(PREFIX)
    expect(plain.names()).to.deep.equal([`update +${PREFIX}`])
  })
})
