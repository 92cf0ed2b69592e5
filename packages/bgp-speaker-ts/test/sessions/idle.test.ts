import { expect } from 'chai'
import { Speaker } from '../../speaker.ts'
import { FakeClock } from '../../testing/fake-clock.ts'
import { MemoryNetwork } from '../../testing/memory-network.ts'

/** Counts the timers that run: each wakes the process. */
class CountingClock extends FakeClock {
  ran = 0
  /** Work for the end of the event loop's turn, of which a flush of the tables is. */
  turns = 0

  override soon(run: () => void): () => void {
    this.turns++
    return super.soon(run)
  }

  override after(delay: number, run: () => void): () => void {
    return super.after(delay, () => {
      this.ran++
      run()
    })
  }
}

const A = '192.0.2.1'
const B = '192.0.2.2'

describe('a speaker with nothing to do', () => {
  let clock: CountingClock
  let speakers: Speaker[]
  let network: MemoryNetwork

  beforeEach(() => {
    clock = new CountingClock()
    speakers = []
  })
  afterEach(async () => {
    const closed = Promise.all(speakers.map((speaker) => speaker.close()))
    clock.advance(10_000)
    await closed
  })

  const wakes = (milliseconds: number) => {
    const before = clock.ran
    clock.advance(milliseconds)
    return clock.ran - before
  }

  async function start(...addresses: readonly string[]): Promise<void> {
    network = new MemoryNetwork(clock)
    for (const address of addresses) {
      const transport = network.transport(address)
      const listen = { addresses: [address], port: 179 }
      const speaker = new Speaker({ asn: 64512, routerId: address, listen, holdTime: 90, clock, transport })
      speakers.push(speaker)
      await speaker.start()
    }
  }

  function peer(): void {
    const families = ['ipv4-unicast'] as const
    const [a, b] = speakers
    b!.addPeer({ address: A, asn: 64512, localAddress: B, families, passive: true })
    a!.addPeer({ address: B, asn: 64512, localAddress: A, families })
  }

  it('sets no timer without peers', async () => {
    await start(A)
    clock.advance(1000)
    expect(wakes(3_600_000)).to.equal(0)
    expect(clock.timers()).to.equal(0)
  })

  it('wakes for keepalives and what follows them, not each second', async () => {
    await start(A, B)
    peer()
    clock.advance(10_000)
    expect(speakers.map((speaker) => speaker.peers()[0]?.state)).to.deep.equal(['established', 'established'])
    // Two speakers send a keepalive each 22 to 30 seconds, and look once more after one was sent or came.
    expect(wakes(600_000)).to.be.within(40, 180)
    expect(speakers[0]!.peers()[0]?.state).to.equal('established')
  })

  it('wakes for its own keepalives alone: hold timers of peers that talk are not looked at', async () => {
    await start(A, B)
    peer()
    clock.advance(10_000)
    const sent = () => speakers.reduce((sum, speaker) => sum + speaker.peers()[0]!.counters.messagesSent, 0)
    const before = sent()
    const ticks = wakes(3_600_000)
    // Once for each, and once more to see that it has left, which in this network it does a turn later.
    expect(ticks).to.be.at.most((sent() - before + 1) * 2)
  })

  it('looks through no table because of a keepalive', async () => {
    await start(A, B)
    peer()
    clock.advance(10_000)
    const before = [clock.turns, speakers[0]!.peers()[0]!.counters.messagesReceived] as const
    clock.advance(600_000)
    const messages = speakers[0]!.peers()[0]!.counters.messagesReceived - before[1]
    expect(messages).to.be.greaterThan(15)
    // Each message of both is delivered in a turn of its own. The last one may not have been taken yet.
    expect(clock.turns - before[0]).to.be.at.most(2 * (messages + 1) + 2)
  })

  it('is not woken up for the keepalives of a peer: it takes them when it sends its own', async () => {
    await start(A, B)
    peer()
    // The first one of its own is sent within 30 s.
    clock.advance(40_000)
    const [connection] = network.between(A, B)
    const { counters } = speakers[0]!.peers()[0]!
    const { wakes } = connection!
    clock.advance(600_000)
    const messages = speakers[0]!.peers()[0]!.counters.messagesReceived - counters.messagesReceived
    expect(messages).to.be.greaterThan(15)
    // It is, where two of them come between two of its own.
    expect(connection!.wakes - wakes).to.be.at.most(messages / 3)
  })

  it('hears of a route at once, however idle it has been', async () => {
    await start(A, B)
    peer()
    clock.advance(100_000)
    speakers[1]!.announce({ prefix: '198.51.100.0/24', nextHop: B, origin: 'igp' })
    clock.advance(100)
    expect([...speakers[0]!.routes()].map(({ prefix }) => prefix)).to.deep.equal(['198.51.100.0/24'])
    const closed = speakers.pop()!.close()
    clock.advance(100)
    await closed
    expect(speakers[0]!.peers()[0]?.lastDown).to.include({ text: 'Cease/Administrative Shutdown' })
  })

  it('counts the hold time from when the last keepalive came, not from when it was taken', async () => {
    await start(A, B)
    peer()
    clock.advance(600_000)
    const { heardAt } = network.between(A, B)[0]!
    network.stall(A, B, true)
    while (speakers[0]!.peers()[0]?.lastDown === undefined) clock.advance(100)
    expect(clock.now() - heardAt).to.be.within(90_000, 91_100)
  })

  it('ends a session in time whose peer is silent, after however long a sleep', async () => {
    await start(A, B)
    peer()
    clock.advance(600_000)
    network.stall(A, B, true)
    clock.advance(55_000)
    expect(speakers[0]!.peers()[0]?.lastDown).to.equal(undefined)
    clock.advance(40_000)
    expect(speakers[0]!.peers()[0]?.lastDown).to.include({ text: 'Hold Timer Expired' })
  })
})
