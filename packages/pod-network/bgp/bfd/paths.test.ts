import { expect } from 'chai'
import { ipv4Node, World } from '../../testing/world.ts'

const [TWO, THREE] = ['172.30.0.12', '172.30.0.13']
const ROUTE_2 = `10.244.2.0/24 via ${TWO}`
const ROUTE_3 = `10.244.3.0/24 via ${THREE}`

describe('paths to nodes that BFD watches', () => {
  let world: World

  beforeEach(async () => {
    world = new World({ meshBfd: { detectMultiplier: 5 } })
    await world.start(ipv4Node(1), ipv4Node(2), ipv4Node(3))
    await world.speak(TWO, ['10.244.2.0/24'])
    await world.speak(THREE, ['10.244.3.0/24'])
    await world.sessions()
    for (const address of [TWO, THREE]) world.paths.rise(address)
    expect(world.routes()).to.deep.equal([ROUTE_2, ROUTE_3])
  })
  afterEach(() => world[Symbol.asyncDispose]())

  it('are shown with their sessions, as they are and as they were', async () => {
    const paths = () => world.network.view.peers().map(({ bfd }) => bfd)
    const fine = { state: 'up', downs: 0, lastDown: undefined }
    expect([...world.paths.sessions.values()]).to.deep.include({
      ...{ peer: TWO, local: '172.30.0.11' },
      detectMultiplier: 5,
    })
    expect(paths()).to.deep.equal([fine, fine])
    world.paths.fail(TWO)
    const failed = { state: 'down', downs: 1, lastDown: 'control detection time expired' }
    expect(paths()).to.deep.equal([failed, fine])
  })

  it('take the routes with them at once where a machine is dead: its session was still up', async () => {
    world.paths.fail(TWO)
    await world.settle(50)
    expect(world.routes()).to.deep.equal([ROUTE_3])
  })

  it('take nothing where the agent alone is dead: its connection ended before', async () => {
    await world.silence(TWO)
    world.paths.fail(TWO)
    await world.settle(60_000)
    expect(world.routes()).to.deep.equal([ROUTE_2, ROUTE_3])
    await world.settle(60_100)
    expect(world.routes()).to.deep.equal([ROUTE_3])
  })

  it('are watched no more where that is switched off, and nothing else happens', async () => {
    const { meshBfd: _, ...without } = world.settings
    world.network.configure(without)
    await world.sessions()
    expect(world.paths.sessions.size).to.equal(0)
    expect(world.routes()).to.deep.equal([ROUTE_2, ROUTE_3])
    expect(Object.values(world.established())).to.deep.equal([1, 1])
  })

  it('end with the agent, which tells them so once the connections are closed (A13)', async () => {
    const ended = world.network[Symbol.asyncDispose]()
    await world.settle(200)
    expect(world.paths.closed).to.equal(false)
    await world.settle(100)
    await ended
    expect(world.paths.closed).to.equal(true)
    await world.restart({}, ipv4Node(1), ipv4Node(2))
  })
})
