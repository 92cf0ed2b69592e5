// Route reflection (RFC 4456): which peers are sent which routes, and the attributes that detect loops.
import { expect } from 'chai'
import { formatId } from '../../address.ts'
import { ASN, Bench } from '../../testing/bench.ts'
import type { RawPeer } from '../../testing/raw-peer.ts'

const PREFIX = '10.1.0.0/16'
const IBGP = { asPath: [], localPref: 100 }

describe('route reflection', () => {
  let bench: Bench
  let client: RawPeer
  let otherClient: RawPeer
  let plain: RawPeer
  let otherPlain: RawPeer
  let external: RawPeer

  beforeEach(async () => {
    bench = await Bench.started({ clusterId: '9.9.9.9' })
    const make = (n: number, asn: number, routeReflectorClient: boolean) =>
      bench.peer({ address: `10.0.0.${n}`, asn }, { routeReflectorClient }).establish()
    client = make(2, ASN, true)
    otherClient = make(3, ASN, true)
    plain = make(4, ASN, false)
    otherPlain = make(5, ASN, false)
    external = make(6, 65000, false)
    for (const peer of all()) peer.heard()
  })
  afterEach(() => bench.close())

  const all = () => [client, otherClient, plain, otherPlain, external]
  const change = (n: number, routeReflectorClient: boolean) => {
    const config = bench.speaker.configuration(`10.0.0.${n}`)!
    bench.speaker.updatePeer({ ...config, routeReflectorClient })
    bench.clock.settle()
  }
  const told = () => all().map((peer) => peer.names().includes(`update +${PREFIX}`))

  it('passes a client’s path to everybody else (section 6)', () => {
    client.announceWith(IBGP, PREFIX)
    expect(told()).to.deep.equal([false, true, true, true, true])
  })

  it('passes a non-client’s path to clients and external peers only', () => {
    plain.announceWith(IBGP, PREFIX)
    expect(told()).to.deep.equal([true, true, false, false, true])
  })

  it('passes an external path to everybody', () => {
    external.announce(PREFIX)
    expect(told()).to.deep.equal([true, true, true, true, false])
  })

  it('adds ORIGINATOR_ID and CLUSTER_LIST, and changes nothing else (section 8, 10)', () => {
    client.announceWith({ ...IBGP, med: 7 }, PREFIX)
    const [update] = otherClient.heard()
    expect(update?.kind === 'update' && update.attributes).to.deep.equal({
      origin: 'igp',
      asPath: [],
      nextHop: '10.0.0.2',
      med: 7,
      localPref: 100,
      originatorId: 2,
      clusterList: [0x09090909],
    })
  })

  it('keeps an ORIGINATOR_ID, and puts its cluster before the others', () => {
    client.announceWith({ ...IBGP, originatorId: 77, clusterList: [5, 6] }, PREFIX)
    const [update] = plain.heard()
    expect(update?.kind === 'update' && update.attributes).to.deep.include({
      originatorId: 77,
      clusterList: [0x09090909, 5, 6],
    })
  })

  it('sends neither to external peers, nor with own or external paths', () => {
    client.announceWith({ ...IBGP, originatorId: 77, clusterList: [5] }, PREFIX)
    bench.speaker.announce({ prefix: '10.9.0.0/16' })
    const updates = [...external.heard(), ...client.heard()].filter((message) => message.kind === 'update')
    expect(updates.length).to.equal(3)
    for (const { attributes } of updates)
      expect(attributes).to.not.have.any.keys('originatorId', 'clusterList')
  })

  it('takes no path with its own cluster, nor one that it originated (section 8)', () => {
    client.announceWith({ ...IBGP, clusterList: [1, 0x09090909] }, PREFIX)
    client.announceWith({ ...IBGP, originatorId: 0x0a000001 }, '10.2.0.0/16')
    expect(bench.prefixes()).to.deep.equal([])
    expect(bench.speaker.peers()[0]?.counters.rejected).to.deep.equal({
      'cluster-loop': 1,
      'originator-loop': 1,
    })
    expect(formatId(0x0a000001)).to.equal('10.0.0.1')
    const { address } = bench.speaker.peers()[0]!
    expect([...bench.speaker.rejected()]).to.have.deep.members([
      { prefix: PREFIX, peer: address, reason: 'cluster-loop' },
      { prefix: '10.2.0.0/16', peer: address, reason: 'originator-loop' },
    ])
    client.announceWith(IBGP, PREFIX)
    expect([...bench.speaker.rejected()].map(({ reason }) => reason)).to.deep.equal(['originator-loop'])
  })

  it('prefers the path that fewer reflectors have passed on (section 9)', () => {
    plain.announceWith({ ...IBGP, originatorId: 50, clusterList: [1, 2] }, PREFIX)
    otherPlain.announceWith({ ...IBGP, originatorId: 50, clusterList: [1] }, PREFIX)
    expect(bench.prefixes() && bench.best.get(PREFIX)).to.equal('10.0.0.5')
  })

  it('makes a peer its client while the session runs: others are told its paths, and it those of others', () => {
    plain.announceWith(IBGP, PREFIX)
    otherPlain.announceWith(IBGP, '10.2.0.0/16')
    const heard = () => all().map((peer) => peer.names().filter((text) => text !== `update -${PREFIX}`))
    heard()
    change(4, true)
    expect(heard()).to.deep.equal([[], [], ['update +10.2.0.0/16'], [`update +${PREFIX}`], []])
    change(4, false)
    expect(plain.names().join(' ')).to.include('-10.2.0.0/16')
    expect(otherPlain.names()).to.deep.equal([`update -${PREFIX}`])
    expect([client, otherClient, external].flatMap((peer) => peer.names())).to.deep.equal([])
    expect(bench.downs()).to.deep.equal([])
  })

  it('passes on what a client sends after it became one', () => {
    change(4, true)
    plain.announceWith(IBGP, PREFIX)
    expect(told()).to.deep.equal([true, true, false, true, true])
  })
})
