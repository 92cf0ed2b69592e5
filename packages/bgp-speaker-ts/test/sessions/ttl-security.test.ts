// GTSM (RFC 5082): a connection that has come too far is not the peer's.
import { expect } from 'chai'
import type { PeerConfig } from '../../config.ts'
import { Speaker } from '../../speaker.ts'
import { FakeClock } from '../../testing/fake-clock.ts'
import { MemoryNetwork } from '../../testing/memory-network.ts'

const A = '192.0.2.1'
const B = '192.0.2.2'
const families = ['ipv4-unicast'] as const

describe('TTL security', () => {
  let clock: FakeClock
  let network: MemoryNetwork
  let a: Speaker
  let b: Speaker

  beforeEach(async () => {
    clock = new FakeClock()
    network = new MemoryNetwork(clock)
    const start = async (address: string) => {
      const listen = { addresses: [address], port: 179 }
      const transport = network.transport(address)
      const speaker = new Speaker({ asn: 64512, routerId: address, listen, clock, transport })
      await speaker.start()
      return speaker
    }
    a = await start(A)
    b = await start(B)
  })
  afterEach(async () => {
    const closed = Promise.all([a.close(), b.close()])
    clock.advance(10_000)
    await closed
  })

  const peers = (ofA: Partial<PeerConfig>, ofB: Partial<PeerConfig>) => {
    a.addPeer({ address: B, asn: 64512, localAddress: A, families, ...ofA })
    b.addPeer({ address: A, asn: 64512, localAddress: B, families, ...ofB })
    clock.advance(5000)
  }
  const states = () => [a, b].map((speaker) => speaker.peers()[0]?.state)

  it('refuses a connection from further away, and says so', () => {
    network.distances.set(B, 2)
    peers({ ttlSecurityHops: 1, passive: true }, {})
    expect(a.peers()[0]).to.deep.include({
      state: 'active',
      lastDown: {
        kind: 'connection-failed',
        error: 'its connection came with a TTL below 255 (GTSM)',
      },
    })
    expect(network.between(A, B)).to.deep.equal([])
  })

  it('takes one from within the distance', () => {
    network.distances.set(B, 2)
    peers({ ttlSecurityHops: 2, passive: true }, {})
    expect(states()).to.deep.equal(['established', 'established'])
  })

  it('has a session over its own connection with a peer that does not connect with TTL 255 yet', () => {
    // Its identifier is the higher one: its own connection would stay if it were taken.
    network.distances.set(B, 192)
    peers({ ttlSecurityHops: 1 }, {})
    expect(states()).to.deep.equal(['established', 'established'])
  })

  it('remembers no peer of a range that has come too far', () => {
    network.distances.set(B, 2)
    a.addDynamicPeers({ prefix: '192.0.2.0/24', asn: 64512, families, ttlSecurityHops: 1 })
    b.addPeer({ address: A, asn: 64512, localAddress: B, families })
    clock.advance(5000)
    expect(a.peers()).to.deep.equal([])
  })
})
