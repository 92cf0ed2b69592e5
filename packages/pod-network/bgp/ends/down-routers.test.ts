import { expect } from 'chai'
import { ipv4Node, World } from '../../testing/world.ts'

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

  it('is none once the configuration has it no more', async () => {
    await world.settle(30_000)
    world.network.configure({ ...world.settings, externalPeers: [] })
    await world.settle(100_000)
    expect(events()).to.deep.equal([])
  })
})
