// How often peers that do not answer are connected to.
import { expect } from 'chai'
import { Speaker } from '../../speaker.ts'
import { FakeClock } from '../../testing/fake-clock.ts'
import { MemoryNetwork } from '../../testing/memory-network.ts'
import { Random } from '../../testing/random.ts'

const LOCAL = '192.0.2.1'
const families = ['ipv4-unicast'] as const
const addressOf = (n: number) => `10.0.${n >> 8}.${n & 255}`

describe('attempts to connect', () => {
  let clock: FakeClock
  let network: MemoryNetwork
  let speakers: Speaker[]

  beforeEach(() => {
    clock = new FakeClock()
    network = new MemoryNetwork(clock)
    speakers = []
  })
  afterEach(async () => {
    const closed = Promise.all(speakers.map((speaker) => speaker.close()))
    clock.advance(10_000)
    await closed
  })

  async function start(address: string): Promise<Speaker> {
    const transport = network.transport(address)
    const listen = { addresses: [address], port: 179 }
    const numbers = new Random(1)
    const random = () => numbers.below(1 << 16) / (1 << 16)
    const speaker = new Speaker({ asn: 64512, routerId: address, listen, clock, transport, random })
    speakers.push(speaker)
    await speaker.start()
    return speaker
  }

  const silentPeer = (speaker: Speaker, address: string) => {
    network.silent.add(address)
    speaker.addPeer({ address, asn: 64512, localAddress: LOCAL, families, connectRetryTime: 120 })
  }
  /** Those of each second from `from` to `to`, in seconds after the first one of all. */
  const perSecond = (from: number, to: number) => {
    const [{ at: start } = { at: 0 }] = network.attempts
    const counts = new Array<number>(to - from).fill(0)
    for (const { at } of network.attempts) {
      const second = Math.floor((at - start) / 1000)
      if (second >= from && second < to) counts[second - from]!++
    }
    return counts
  }
  const mean = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0) / counts.length

  it('to 1,000 silent peers come fifty a second at most after the first ones, and fewer than nine in the end', async () => {
    const speaker = await start(LOCAL)
    for (let n = 0; n < 1000; n++) silentPeer(speaker, addressOf(n))
    clock.advance(900_000)
    expect(perSecond(0, 1)).to.deep.equal([1000])
    expect(Math.max(...perSecond(1, 900))).to.be.at.most(50)
    expect(mean(perSecond(600, 900))).to.be.within(5, 9)
    // Nobody is passed over.
    const last = new Map(network.attempts.map(({ address, at }) => [address, at]))
    expect(Math.min(...last.values())).to.be.greaterThan(clock.now() - 140_000)
  }).timeout(20_000)

  it('reach a peer at once that is back, where somebody says so', async () => {
    const speaker = await start(LOCAL)
    const address = addressOf(7)
    silentPeer(speaker, address)
    clock.advance(900_000)
    network.silent.delete(address)
    const back = await start(address)
    back.addPeer({ address: LOCAL, asn: 64512, localAddress: address, families, passive: true })
    expect(speaker.peers()[0]?.state).not.to.equal('established')
    speaker.retryPeer(address)
    clock.advance(100)
    expect(speaker.peers()[0]?.state).to.equal('established')
  })

  it('are as many as at first after such news', async () => {
    const speaker = await start(LOCAL)
    silentPeer(speaker, addressOf(7))
    clock.advance(900_000)
    const before = network.attempts.length
    speaker.retryPeer(addressOf(7))
    clock.advance(30_000)
    // At once, and a second, then two and four seconds after each of them was given up, ten seconds later.
    expect(network.attempts.length - before).to.equal(3)
  })

  it('are not made to a peer that has a session, nor to one that is to connect itself', async () => {
    const speaker = await start(LOCAL)
    const other = await start(addressOf(1))
    other.addPeer({ address: LOCAL, asn: 64512, localAddress: addressOf(1), families, passive: true })
    speaker.addPeer({ address: addressOf(1), asn: 64512, localAddress: LOCAL, families })
    clock.advance(5000)
    speaker.retryPeer(addressOf(1))
    other.retryPeer(LOCAL)
    clock.advance(5000)
    expect(network.attempts).to.have.length(1)
    expect(speaker.peers()[0]).to.deep.include({ state: 'established' })
    expect(speaker.peers()[0]?.counters.established).to.equal(1)
  })
})
