import { expect } from 'chai'
import { type BfdSessionConfig, validateSession } from './config.ts'
import { Endpoint } from './endpoint.ts'
import { type BfdPacket, decodePacket, encodePacket } from './packet.ts'
import { FakeNetwork, StallingClock } from './testing/fake-network.ts'
import { seeded, testSeed } from './testing/random.ts'

const A = '10.0.0.1'
const B = '10.0.0.2'

class World {
  readonly seed = testSeed()
  readonly clock = new StallingClock()
  readonly network = new FakeNetwork(this.clock)
  /** `a 1 up`, `b 1 down detection-expired` … */
  readonly events: string[] = []
  readonly #random = seeded(this.seed)

  endpoint(name: string): Endpoint {
    return new Endpoint({
      sockets: this.network.sockets(),
      clock: this.clock,
      random: this.#random,
      events: {
        up: (id) => void this.events.push(`${name} ${id} up`),
        down: (id, reason) => void this.events.push(`${name} ${id} down ${reason}`),
        problem: (id, message) => void this.events.push(`${name} ${id} problem ${message}`),
      },
    })
  }

  /** Two endpoints with a session between them, up. */
  async pair(config: Partial<BfdSessionConfig> = {}): Promise<{ a: Endpoint; b: Endpoint }> {
    const a = this.endpoint('a')
    const b = this.endpoint('b')
    a.add(1, session(A, B, config))
    b.add(1, session(B, A, config))
    await this.clock.advance(3000)
    expect([...this.events].sort(), `SEED=${this.seed}`).to.deep.equal(['a 1 up', 'b 1 up'])
    this.events.length = 0
    return { a, b }
  }
}

function session(local: string, peer: string, config: Partial<BfdSessionConfig> = {}) {
  return validateSession({ local, peer, desiredMinTx: 100, requiredMinRx: 100, ...config })
}

function only(endpoint: Endpoint) {
  const { sessions } = endpoint.snapshot()
  expect(sessions).to.have.length(1)
  return sessions[0]!
}

function packetTo(endpoint: Endpoint, more: Partial<BfdPacket> = {}): Uint8Array {
  const { localDiscriminator, remote } = only(endpoint)
  return encodePacket({
    diagnostic: 0,
    state: 'up',
    poll: false,
    final: false,
    controlPlaneIndependent: false,
    demand: false,
    detectMultiplier: 3,
    myDiscriminator: remote.discriminator || 5,
    yourDiscriminator: localDiscriminator,
    desiredMinTx: 100_000,
    requiredMinRx: 100_000,
    requiredMinEchoRx: 0,
    ...more,
  })
}

describe('two BFD endpoints', () => {
  it('bring a session up and agree on its timers', async () => {
    const world = new World()
    const { a, b } = await world.pair({ desiredMinTx: 50, requiredMinRx: 80, detectMultiplier: 4 })
    expect(only(a)).to.deep.include({
      state: 'up',
      transmitInterval: 80,
      detectionTime: 320,
      polling: false,
      problem: undefined,
    })
    expect(only(a).remote).to.include({
      state: 'up',
      discriminator: only(b).localDiscriminator,
      desiredMinTx: 50,
      requiredMinRx: 80,
      detectMultiplier: 4,
    })
  })

  it('stay up for an hour with jitter and without a false down', async () => {
    const world = new World()
    const { a } = await world.pair({ desiredMinTx: 1000, requiredMinRx: 1000 })
    await world.clock.advance(3_600_000)
    expect(world.events).to.deep.equal([])
    expect(only(a).counters.sent).to.be.within(3600, 4810)
  })

  it('lose it within the detection time when datagrams stop, and get it back when they return', async () => {
    const world = new World()
    await world.pair()
    world.network.lose = () => true
    await world.clock.advance(200)
    expect(world.events).to.deep.equal([])
    await world.clock.advance(101)
    expect([...world.events].sort()).to.deep.equal([
      'a 1 down detection-expired',
      'b 1 down detection-expired',
    ])
    world.network.lose = () => false
    await world.clock.advance(3000)
    expect(world.events.slice(2).sort()).to.deep.equal(['a 1 up', 'b 1 up'])
  })

  it('tell each other where only one direction fails', async () => {
    const world = new World()
    await world.pair()
    world.network.lose = ({ from }) => from === A
    await world.clock.advance(400)
    expect(world.events).to.deep.equal(['b 1 down detection-expired', 'a 1 down neighbor-down'])
  })

  it('survive the loss of any two packets in a row', async () => {
    const world = new World()
    await world.pair()
    let count = 0
    world.network.lose = ({ from }) => from === A && count++ % 3 !== 2
    await world.clock.advance(20_000)
    expect(world.events).to.deep.equal([])
  })

  it('change timers by a poll sequence and stay up', async () => {
    const world = new World()
    const { a, b } = await world.pair()
    a.update(1, session(A, B, { desiredMinTx: 400, requiredMinRx: 500, detectMultiplier: 5 }))
    await world.clock.advance(2000)
    expect(only(a)).to.include({ transmitInterval: 400, detectionTime: 1500, polling: false })
    expect(only(b)).to.include({ transmitInterval: 500, detectionTime: 2000, polling: false })
    expect(world.events).to.deep.equal([])
  })

  it('take the session down administratively and up again', async () => {
    const world = new World()
    const { a } = await world.pair()
    a.update(1, session(A, B, { adminDown: true }))
    await world.clock.advance(50)
    expect(world.events).to.deep.equal(['a 1 down admin-down', 'b 1 down neighbor-admin-down'])
    a.update(1, session(A, B))
    await world.clock.advance(3000)
    expect(world.events.slice(2).sort()).to.deep.equal(['a 1 up', 'b 1 up'])
  })

  it('run over IPv6, with addresses in any spelling', async () => {
    const world = new World()
    const a = world.endpoint('a')
    const b = world.endpoint('b')
    a.add(1, session('fd00:0:0::1', 'FD00::0:2'))
    b.add(1, session('fd00::2', 'fd00::1'))
    await world.clock.advance(3000)
    expect([...world.events].sort()).to.deep.equal(['a 1 up', 'b 1 up'])
  })

  it('keep hundreds of sessions up with one timer and a source port for each', async () => {
    const world = new World()
    const a = world.endpoint('a')
    const others: Endpoint[] = []
    for (let i = 0; i < 300; i++) {
      const peer = `10.0.${1 + (i >> 7)}.${1 + (i & 127)}`
      a.add(i, session(A, peer))
      const other = world.endpoint('b')
      other.add(i, session(peer, A))
      others.push(other)
    }
    await world.clock.advance(5000)
    expect(world.events.filter((event) => event.startsWith('a ') && event.endsWith('up'))).to.have.length(300)
    expect(world.events.filter((event) => event.includes('down'))).to.deep.equal([])
    const ports = new Set(world.network.sent.filter(({ from }) => from === A).map((d) => d.sourcePort))
    expect(ports.size).to.equal(300)
    expect(Math.min(...ports)).to.be.least(49152)
    for (const endpoint of [a, ...others]) endpoint.close()
    await world.clock.advance(10)
    expect(world.clock.timers()).to.equal(0)
    expect(world.network.open()).to.equal(0)
  }).timeout(30_000)
})

describe('a BFD endpoint', () => {
  it('takes what came during a stall of its thread before it judges the silence', async () => {
    const world = new World()
    const { a, b } = await world.pair()
    const [toA, toB] = [packetTo(a), packetTo(b)]
    world.clock.stall(2000, () => {
      world.network.deliver(B, A, toA)
      world.network.deliver(A, B, toB)
    })
    expect(world.events).to.deep.equal([])
    await world.clock.advance(1)
    world.clock.stall(2000, () => {})
    expect(world.events).to.include('a 1 down detection-expired')
  })

  it('forgets a session that it removes only after having told the neighbour for a while', async () => {
    const world = new World()
    const { a, b } = await world.pair()
    world.network.sent.length = 0
    a.remove(1)
    expect(a.snapshot().sessions).to.deep.equal([])
    await world.clock.advance(20)
    expect(world.events).to.deep.equal(['a 1 down admin-down', 'b 1 down neighbor-admin-down'])
    b.remove(1)
    await world.clock.advance(5000)
    const said = world.network.sent.filter(({ from }) => from === A).map(({ bytes }) => decodePacket(bytes))
    expect(said.length).to.be.within(3, 5)
    for (const decoded of said) expect(decoded).to.deep.include({ kind: 'packet' })
    expect(world.network.open()).to.equal(0)
    expect(world.clock.timers()).to.equal(0)
  })

  it('adds a session again while the old one is still leaving', async () => {
    const world = new World()
    const { a } = await world.pair()
    a.remove(1)
    a.add(2, session(A, B))
    await world.clock.advance(5000)
    expect(only(a).state).to.equal('up')
    expect(world.events.at(-1)).to.be.oneOf(['a 2 up', 'b 1 up'])
  })

  it('says once that an address cannot be bound, and starts when it can', async () => {
    const world = new World()
    world.network.missing.add(A)
    const a = world.endpoint('a')
    const b = world.endpoint('b')
    a.add(1, session(A, B))
    b.add(1, session(B, A))
    await world.clock.advance(10_000)
    expect(world.events).to.deep.equal([`a 1 problem no address ${A}`])
    expect(only(a)).to.include({ state: 'down', problem: `no address ${A}` })
    world.network.missing.clear()
    await world.clock.advance(5000)
    expect(only(a)).to.include({ state: 'up', problem: undefined })
  })

  it('removes a session that never had a socket', async () => {
    const world = new World()
    world.network.missing.add(A)
    const a = world.endpoint('a')
    a.add(1, session(A, B))
    await world.clock.advance(100)
    a.remove(1)
    expect(world.clock.timers()).to.equal(0)
    expect(a.snapshot().sessions).to.deep.equal([])
  })

  it('takes no packet that is not for a session, and says why', async () => {
    const world = new World()
    const { a } = await world.pair()
    const before = only(a).counters.received
    world.network.deliver(B, A, packetTo(a, { yourDiscriminator: 1 }))
    world.network.deliver('10.0.0.9', A, packetTo(a))
    world.network.deliver('10.0.0.9', A, packetTo(a, { state: 'down', yourDiscriminator: 0 }))
    world.network.deliver(B, A, packetTo(a, { authentication: Uint8Array.of(1, 4, 1, 65) }))
    world.network.deliver(B, A, packetTo(a, { detectMultiplier: 0 }))
    expect(a.snapshot().discards).to.deep.equal({
      'no-session': 2,
      'wrong-address': 1,
      'authentication-not-in-use': 1,
      'zero-detect-multiplier': 1,
    })
    expect(only(a).counters.received).to.equal(before)
  })

  it('answers a flood with no more packets than it gets, and keeps no more than its sessions', async () => {
    const world = new World()
    const { a } = await world.pair()
    world.network.sent.length = 0
    for (let i = 0; i < 5000; i++)
      world.network.deliver(B, A, packetTo(a, { state: i & 1 ? 'up' : 'down', poll: true }))
    expect(world.network.sent.filter(({ from }) => from === A).length).to.be.at.most(5000)
    expect(a.snapshot().sessions).to.have.length(1)
    world.network.lose = () => true
    await world.clock.advance(1)
    world.network.lose = () => false
    await world.clock.advance(5000)
    expect(only(a).state).to.equal('up')
  })
})
