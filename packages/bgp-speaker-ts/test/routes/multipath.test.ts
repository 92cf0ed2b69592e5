// Equal paths (ECMP): those that lose to the best one only by the last tie-breaks of RFC 4271 section 9.1.2.2.
import { expect } from 'chai'
import { Bench } from '../../testing/bench.ts'
import type { RawPeer } from '../../testing/raw-peer.ts'

const PREFIX = '10.1.0.0/16'

describe('multipath', () => {
  let bench: Bench
  let peers: RawPeer[]

  const begin = async (multipath: number | undefined, count = 4, asn = (n: number) => 64600 + n) => {
    bench = await Bench.started(multipath === undefined ? {} : { multipath })
    peers = Array.from({ length: count }, (_, i) =>
      bench.peer({ address: `10.0.0.${i + 2}`, asn: asn(i + 2) }).establish(),
    )
  }
  /** Next hops that the last change names: the best, then all at once. */
  const last = () => {
    bench.clock.settle()
    const { best, multipath } = bench.changes.at(-1)!
    return { best: best?.nextHop, all: multipath?.map(({ nextHop }) => nextHop) }
  }
  const path = (...asns: number[]) => ({ asPath: [{ kind: 'sequence', asns }] })

  afterEach(() => bench.close())

  it('names equal paths of several peers, the best first', async () => {
    await begin(8, 3)
    for (const peer of peers) peer.announce(PREFIX)
    expect(last()).to.deep.equal({ best: '10.0.0.2', all: ['10.0.0.2', '10.0.0.3', '10.0.0.4'] })
  })

  it('is off unless it is asked for', async () => {
    await begin(undefined, 2)
    for (const peer of peers) peer.announce(PREFIX)
    expect(last()).to.deep.equal({ best: '10.0.0.2', all: undefined })
    expect(bench.changes.length).to.equal(1)
  })

  it('names no more than the limit', async () => {
    await begin(2)
    for (const peer of peers) peer.announce(PREFIX)
    expect(last().all).to.deep.equal(['10.0.0.2', '10.0.0.3'])
  })

  it('leaves out a longer path, a worse origin, a worse MED of the same neighbour and a lower LOCAL_PREF', async () => {
    await begin(8, 3, () => 64512)
    peers[0]!.announceWith({ ...path(7), med: 5, localPref: 100 }, PREFIX)
    peers[1]!.announceWith({ ...path(7), med: 5, localPref: 100 }, PREFIX)
    for (const worse of [
      { ...path(7, 8), med: 5 },
      { ...path(7), med: 5, origin: 'incomplete' },
      { ...path(7), med: 6 },
      { ...path(7), med: 5, localPref: 99 },
    ]) {
      peers[2]!.announceWith({ localPref: 100, ...worse }, PREFIX)
      expect(last().all, JSON.stringify(worse)).to.deep.equal(['10.0.0.2', '10.0.0.3'])
    }
    peers[2]!.announceWith({ ...path(7), med: 5, localPref: 100 }, PREFIX)
    expect(last().all?.length).to.equal(3)
  })

  it('mixes no internal path with external ones', async () => {
    await begin(8, 3, (n) => (n === 2 ? 64512 : 64600 + n))
    peers[0]!.announceWith({ ...path(9), localPref: 100 }, PREFIX)
    peers[1]!.announce(PREFIX)
    peers[2]!.announce(PREFIX)
    expect(last()).to.deep.equal({ best: '10.0.0.3', all: ['10.0.0.3', '10.0.0.4'] })
  })

  it('counts two copies of one path, of two reflectors, once', async () => {
    await begin(8, 3, () => 64512)
    const shared = { ...path(9), nextHop: '10.0.7.7', localPref: 100, originatorId: 77 }
    peers[0]!.announceWith({ ...shared, clusterList: [1] }, PREFIX)
    peers[1]!.announceWith({ ...shared, clusterList: [2] }, PREFIX)
    expect(last()).to.deep.equal({ best: '10.0.7.7', all: undefined })
    peers[2]!.announceWith({ ...path(9), localPref: 100 }, PREFIX)
    expect(last().all?.slice().sort()).to.deep.equal(['10.0.0.4', '10.0.7.7'])
  })

  it('tells of each change of the set, also where the best stays', async () => {
    await begin(8, 3)
    peers[0]!.announce(PREFIX)
    peers[1]!.announce(PREFIX)
    expect(last().all).to.deep.equal(['10.0.0.2', '10.0.0.3'])
    peers[2]!.announce(PREFIX)
    expect(last().all?.length).to.equal(3)
    peers[1]!.crash()
    expect(last()).to.deep.equal({ best: '10.0.0.2', all: ['10.0.0.2', '10.0.0.4'] })
    peers[2]!.withdraw(PREFIX)
    expect(last()).to.deep.equal({ best: '10.0.0.2', all: undefined })
  })

  it('tells peers of the best path only', async () => {
    await begin(8, 2)
    const listener = bench.peer({ address: '10.0.0.9', asn: 64999 }).establish()
    listener.heard()
    peers[0]!.announce(PREFIX)
    expect(listener.names()).to.deep.equal([`update +${PREFIX}`])
    peers[1]!.announce(PREFIX)
    expect(listener.names()).to.deep.equal([])
  })
})
