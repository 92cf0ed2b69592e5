// Routes are judged by what is known elsewhere (SpeakerConfig.validator), and again when that changes.
import { expect } from 'chai'
import { ASN, Bench } from '../../testing/bench.ts'
import type { RawPeer } from '../../testing/raw-peer.ts'

const IBGP = { asPath: [], localPref: 100 }
const MINE = '10.1.0.0/16'
const OTHER = '10.2.0.0/16'

describe('validated routes', () => {
  let bench: Bench
  let peer: RawPeer
  let listener: RawPeer
  /** The next hop of each prefix. */
  const owners = new Map<string, string>()
  let asked: string[]

  const refuse = (prefix: string, nextHop: string) => {
    asked.push(prefix)
    const owner = owners.get(prefix)
    return owner === undefined ? 'unknown-prefix' : owner === nextHop ? undefined : 'foreign-next-hop'
  }

  beforeEach(async () => {
    owners.clear()
    asked = []
    bench = await Bench.started({ validator: { refuse } })
    const config = { validated: true, routeReflectorClient: true }
    peer = bench.peer({ address: '10.0.0.2', asn: ASN }, config).establish()
    listener = bench.peer({ address: '10.0.0.3', asn: ASN }).establish()
    listener.heard()
  })
  afterEach(() => bench.close())

  it('are used and passed on when they are valid, and refused with the reason when not', () => {
    owners.set(MINE, '10.0.0.2').set('10.4.0.0/16', '10.0.0.9')
    peer.announceWith(IBGP, MINE)
    peer.announceWith(IBGP, OTHER)
    peer.announceWith(IBGP, '10.4.0.0/16')
    expect(bench.prefixes()).to.deep.equal([MINE])
    expect(listener.names()).to.deep.equal([`update +${MINE}`])
    expect([...bench.speaker.rejected()].map(({ prefix, reason }) => [prefix, reason])).to.have.deep.members([
      [OTHER, 'unknown-prefix'],
      ['10.4.0.0/16', 'foreign-next-hop'],
    ])
  })

  it('are judged again where that is asked for, and nowhere else', () => {
    owners.set(MINE, '10.0.0.2')
    peer.announceWith(IBGP, MINE)
    peer.announceWith(IBGP, OTHER)
    bench.clock.settle()
    listener.heard()
    asked = []
    owners.delete(MINE)
    owners.set(OTHER, '10.0.0.2')
    bench.speaker.revalidate(['10.2.0.0/15'])
    expect(asked).to.deep.equal([OTHER])
    expect(bench.prefixes()).to.deep.equal([MINE, OTHER])
    bench.speaker.revalidate([MINE])
    expect(bench.prefixes()).to.deep.equal([OTHER])
    expect(listener.names()).to.deep.equal([`update +${OTHER}`, `update -${MINE}`])
  })

  it('are those of the peers that it is asked for', () => {
    listener.announceWith(IBGP, OTHER)
    expect(bench.prefixes()).to.deep.equal([OTHER])
    expect(asked).to.deep.equal([])
  })

  it('need a validator', () => {
    const plain = new Bench()
    const config = { address: '10.0.0.2', asn: ASN, families: ['ipv4-unicast'] as const, validated: true }
    expect(() => plain.speaker.addPeer(config)).to.throw('validated: the speaker has no validator')
  })
})
