import { encodeMessage } from 'bgp-speaker-ts/packet/message.ts'
import { expect } from 'chai'
import { peersPage } from '../../pages.ts'
import { ipv4Node, LOCAL_ADDRESS, World } from '../../testing/world.ts'

const ROUTER = '172.30.0.100'
const router = { address: ROUTER, asn: 65000, acceptRoutes: false, maxPrefixes: 10 } as const

describe('a router of the configuration that is down', () => {
  let world: World
  const events = () => world.events.filter(({ reason }) => reason === 'RouterDown').map(({ note }) => note)

  beforeEach(async () => {
    world = new World({ externalPeers: [router] })
    await world.start(ipv4Node(1), ipv4Node(2))
  })
  afterEach(() => world[Symbol.asyncDispose]())

  it('is an Event after a minute, once, with the reason; a node that is down is none', async () => {
    await world.settle(59_000)
    expect(events()).to.deep.equal([])
    await world.settle(2000)
    expect(events()).to.have.length(1)
    expect(events()[0]).to.match(/^no BGP session with the router 172\.30\.0\.100 for a minute: ./)
    await world.settle(200_000)
    expect(events()).to.have.length(1)
  })

  it('is one again when it was up meanwhile, and none when it is back within the minute', async () => {
    await world.speak(ROUTER, [], { asn: 65000 })
    await world.settle(100_000)
    await world.silence(ROUTER, 'maintenance')
    await world.settle(50_000)
    await world.speak(ROUTER, [], { asn: 65000 })
    await world.settle(100_000)
    expect(events()).to.deep.equal([])
    await world.silence(ROUTER, 'maintenance')
    await world.settle(70_000)
    expect(events()).to.have.length(1)
  })

  it('is one where sessions come up and do not last: another speaker may have this address (A17)', async () => {
    await world.speak(ROUTER, [], { asn: 65000 })
    const session = () => world.network.view.peers().find(({ address }) => address === ROUTER)
    // It drops ours whenever the other one connects.
    for (let n = 0; n < 10; n++) {
      await world.settle(10_000)
      world.memory.cut(LOCAL_ADDRESS, ROUTER)
    }
    expect(session()?.counters.established).to.be.within(3, 11)
    expect(events()).to.have.length(1)
    expect(events()[0]).to.match(/^no BGP session with the router 172\.30\.0\.100 lasts, \d were lost/)
    expect(events()[0]).to.include('another speaker uses this address')
  })

  it('is one that names the other speaker, where the router refuses a second session from this address (A17)', async () => {
    // The router has a session with this address already; ours collides with it, again and again.
    const collision = encodeMessage({ kind: 'notification', code: 6, subcode: 7, data: new Uint8Array() })
    await world.memory.transport(ROUTER).listen({ address: ROUTER, port: 179 }, (connection) =>
      connection.handle({
        ...{ onConnect() {}, onDrain() {}, onClose() {} },
        onData() {
          connection.write(collision)
          connection.end()
        },
      }),
    )
    await world.settle(70_000)
    expect(events()).to.have.length(1)
    expect(events()[0]).to.include('received Cease/Connection Collision Resolution: another speaker uses')
    const page = peersPage(() => world.network.view.peers())
    const [peers] = page.tables(page.data())
    expect(peers?.rows.join('\n')).to.include('another speaker uses this address')
  })

  it('is one that may be for the other speaker, where the router closes a second connection without a word (A17)', async () => {
    await world.memory.transport(ROUTER).listen({ address: ROUTER, port: 179 }, (connection) => {
      connection.handle({ onConnect() {}, onData() {}, onDrain() {}, onClose() {} })
      connection.end()
    })
    await world.settle(70_000)
    expect(events()).to.have.length(1)
    expect(events()[0]).to.include(
      'closed by the peer: it does not know this address, or another speaker uses this address',
    )
  })

  it('is none once the configuration has it no more', async () => {
    await world.settle(30_000)
    world.network.configure({ ...world.settings, externalPeers: [] })
    await world.settle(100_000)
    expect(events()).to.deep.equal([])
  })
})
