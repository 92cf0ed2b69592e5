// Dynamic peers: addresses of a configured range become peers by connecting.
import { expect } from 'chai'
import type { DynamicPeersConfig } from '../../config.ts'
import { BgpConfigError, BgpError } from '../../errors.ts'
import { Bench } from '../../testing/bench.ts'

const RANGE: DynamicPeersConfig = { prefix: '10.0.0.0/24', asn: 64513, families: ['ipv4-unicast'], limit: 2 }

describe('dynamic peers', () => {
  let bench: Bench
  const addresses = () => bench.speaker.peers().map(({ address }) => address)

  beforeEach(async () => {
    bench = await Bench.started()
    bench.speaker.addDynamicPeers(RANGE)
  })
  afterEach(() => bench.close())

  it('from the range have a session, with the range as their configuration', () => {
    bench.speaker.announce({ prefix: '10.9.0.0/16' })
    const raw = bench.raw().establish().announce('10.1.0.0/16')
    expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16', '10.9.0.0/16'])
    expect(raw.names()).to.deep.equal(['open', 'update +10.9.0.0/16', 'end-of-rib ipv4'])
    expect(bench.speaker.peers()[0]).to.deep.include({ address: '10.0.0.2', state: 'established' })
  })

  it('from elsewhere are refused', () => {
    const raw = bench.raw({ address: '10.0.1.2' }).establish()
    expect(raw.closed).to.equal(true)
    expect(addresses()).to.deep.equal([])
  })

  it('of another AS are refused, and forgotten', () => {
    const raw = bench.raw({ asn: 64999 }).establish()
    expect(raw.names()).to.deep.equal(['open', 'notification 2/2'])
    expect(addresses()).to.deep.equal([])
  })

  it('beyond the limit are refused until one has gone', () => {
    const [first, second, third] = [2, 3, 4].map((n) => bench.raw({ address: `10.0.0.${n}` }))
    first!.establish()
    second!.establish()
    expect(third!.establish().closed).to.equal(true)
    first!.crash()
    expect(third!.establish().closed).to.equal(false)
    expect(addresses()).to.deep.equal(['10.0.0.3', '10.0.0.4'])
  })

  it('are forgotten with their routes when their session ends', () => {
    const raw = bench.raw().establish().announce('10.1.0.0/16')
    raw.crash()
    expect(addresses()).to.deep.equal([])
    expect(bench.prefixes()).to.deep.equal([])
  })

  it('are remembered while they restart gracefully, and then forgotten (RFC 4724)', async () => {
    await bench.speaker.removeDynamicPeers(RANGE.prefix)
    bench.speaker.addDynamicPeers({ ...RANGE, gracefulRestart: { time: 60, forwarding: true } })
    const families = [{ afi: 1, safi: 1, forwarding: true }]
    const capability = {
      kind: 'graceful-restart',
      restarting: true,
      notification: false,
      time: 30,
      families,
    } as const
    const raw = bench
      .raw({ capabilities: [capability] })
      .establish()
      .announce('10.1.0.0/16')
    raw.crash()
    bench.clock.advance(10_000)
    expect(bench.prefixes()).to.deep.equal(['10.1.0.0/16'])
    raw.establish().endOfRib('ipv4-unicast')
    expect(bench.prefixes()).to.deep.equal([])
    raw.announce('10.2.0.0/16').crash()
    expect(addresses()).to.deep.equal(['10.0.0.2'])
    bench.clock.advance(31_000)
    expect(bench.prefixes()).to.deep.equal([])
    expect(addresses()).to.deep.equal([])
  })

  it('that send too many prefixes are not let in again for a minute', async () => {
    await bench.speaker.removeDynamicPeers(RANGE.prefix)
    bench.speaker.addDynamicPeers({ ...RANGE, maxPrefixes: 1 })
    const raw = bench.raw().establish().announce('10.1.0.0/16', '10.2.0.0/16')
    expect(raw.names().at(-1)).to.equal('notification 6/1')
    expect(raw.establish().names()).to.deep.equal(['notification 6/5'])
    bench.clock.advance(61_000)
    expect(addresses()).to.deep.equal([])
    expect(raw.establish().closed).to.equal(false)
  })

  it('end with CEASE/Peer De-configured when their range is removed', async () => {
    const raw = bench.raw().establish().announce('10.1.0.0/16')
    raw.heard()
    const removed = bench.speaker.removeDynamicPeers(RANGE.prefix)
    expect(raw.names()).to.deep.equal(['notification 6/3'])
    await removed
    expect(addresses()).to.deep.equal([])
    expect(bench.prefixes()).to.deep.equal([])
    expect(raw.establish().closed).to.equal(true)
  })

  it('belong to the most specific range', () => {
    bench.speaker.addDynamicPeers({ ...RANGE, prefix: '10.0.0.0/28', asn: 64600 })
    bench.raw({ asn: 64600 }).establish()
    expect(bench.speaker.peers()[0]).to.deep.include({ asn: 64600, state: 'established' })
  })

  it('give way to a peer of the same address that is added by name', () => {
    const raw = bench.raw().establish()
    raw.heard()
    bench.speaker.addPeer({ address: '10.0.0.2', asn: 64513, families: ['ipv4-unicast'], passive: true })
    expect(raw.names()).to.deep.equal(['notification 6/6'])
    raw.establish().crash()
    expect(addresses()).to.deep.equal(['10.0.0.2'])
  })

  it('have the range as their TCP-MD5 key, whether it was added before the start or after', async () => {
    await bench.close()
    bench = new Bench()
    bench.speaker.addDynamicPeers({ ...RANGE, password: 'one' })
    await bench.speaker.start()
    bench.speaker.addDynamicPeers({ ...RANGE, prefix: 'fd00::/64', password: 'two' })
    expect([...bench.network.passwords]).to.deep.equal([
      ['10.0.0.0/24', 'one'],
      ['fd00::/64', 'two'],
    ])
    await bench.speaker.removeDynamicPeers('10.0.0.0/24')
    expect([...bench.network.passwords.keys()]).to.deep.equal(['fd00::/64'])
  })

  it('are refused as configuration with every problem, twice, or unknown', async () => {
    expect(() => bench.speaker.addDynamicPeers({ ...RANGE, prefix: '10.0.0.0' })).to.throw(
      BgpConfigError,
      /prefix/,
    )
    expect(() => bench.speaker.addDynamicPeers({ ...RANGE, limit: 0 })).to.throw(BgpConfigError, /limit/)
    expect(() => bench.speaker.addDynamicPeers(RANGE)).to.throw(BgpConfigError, /already/)
    const failure = await bench.speaker.removeDynamicPeers('10.7.0.0/24').catch((error: unknown) => error)
    expect(failure).to.be.instanceOf(BgpError).and.to.include({ code: 'unknown-peer' })
  })
})
