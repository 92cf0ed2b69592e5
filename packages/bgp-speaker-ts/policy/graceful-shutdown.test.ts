// Graceful shutdown (RFC 8326): traffic moves to other paths before the session ends.
import { expect } from 'chai'
import { Bench } from '../testing/bench.ts'
import { ANNOUNCE_SHUTDOWN, AVOID_WHAT_SHUTS_DOWN } from './graceful-shutdown.ts'

const ACCEPT = { otherwise: 'accept' as const }

describe('graceful shutdown', () => {
  let bench: Bench
  afterEach(() => bench.close())

  it('of a neighbour makes any other path the best one, and takes none away', async () => {
    bench = await Bench.started()
    const importPolicy = { rules: [AVOID_WHAT_SHUTS_DOWN], ...ACCEPT }
    const leaving = bench.peer({}, { importPolicy }).establish().announce('10.1.0.0/16', '10.2.0.0/16')
    const other = bench.peer({ address: '10.0.0.3', asn: 64514 }, { importPolicy }).establish()
    other.announceWith({ asPath: [{ kind: 'sequence', asns: [64514, 7, 8, 9] }] }, '10.1.0.0/16')
    expect(bench.prefixes().map((prefix) => bench.best.get(prefix))).to.deep.equal(['10.0.0.2', '10.0.0.2'])
    leaving.announceWith({ communities: [0xffff0000] }, '10.1.0.0/16', '10.2.0.0/16')
    expect(bench.prefixes().map((prefix) => bench.best.get(prefix))).to.deep.equal(['10.0.0.3', '10.0.0.2'])
  })

  it('of ours is announced by an export policy, without a session reset', async () => {
    bench = await Bench.started()
    bench.speaker.announce({ prefix: '10.9.0.0/16', communities: ['64512:7'] })
    const peer = bench.peer().establish()
    peer.heard()
    bench.speaker.updatePeer({
      address: '10.0.0.2',
      asn: 64513,
      families: ['ipv4-unicast', 'ipv6-unicast'],
      nextHop: { ipv6: 'fd00::1' },
      passive: true,
      exportPolicy: { rules: [ANNOUNCE_SHUTDOWN], ...ACCEPT },
    })
    const [update] = peer.heard()
    expect(update?.kind === 'update' && update.attributes.communities).to.deep.equal([0xfc000007, 0xffff0000])
    expect(bench.downs()).to.deep.equal([])
  })
})
