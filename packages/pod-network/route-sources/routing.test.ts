/** Where routes come from, on a whole pod network: BGP, the Nodes, or nowhere, and what a change among them does. */
import { cidr as prefix } from '@podroute/address/cidr.ts'
import type { Route } from '@podroute/linux/route/routes.ts'
import { TABLE_MAIN } from '@podroute/linux/route/rtnetlink.ts'
import { expect } from 'chai'
import { acceptedPrefix } from '../bgp/external-policy.ts'
import type { ExternalPeer, PodNetworkSettings } from '../settings.ts'
import { ipv4Node, LOCAL_ADDRESS, World } from '../testing/world.ts'

const TWO = '10.244.2.0/24 via 172.30.0.12'
const THREE = '10.244.3.0/24 via 172.30.0.13'
const ROUTERS = ['172.30.0.100', '172.30.0.101']
const OUTSIDE = '198.51.100.0/24'

function router(address: string): ExternalPeer {
  return { address, asn: 65000, acceptRoutes: [acceptedPrefix(prefix(OUTSIDE), {})], maxPrefixes: 100 }
}

describe('routes to pods', () => {
  let world: World
  const create = (settings: Partial<PodNetworkSettings> = {}) => {
    world = new World(settings)
  }
  const set = (settings: Partial<PodNetworkSettings>) =>
    world.network.configure({ ...world.settings, ...settings })
  const routeOps = () => world.ops().filter((op) => op.startsWith('routes '))
  const reasons = (name: string) => world.network.view.report().find((node) => node.name === name)?.reasons
  afterEach(() => world[Symbol.asyncDispose]())

  it('come straight from the Nodes with routing: api, whether these are Ready or not, and nobody listens', async () => {
    create({ routing: 'api', externalPeers: [router(ROUTERS[0]!)] })
    await world.start(ipv4Node(1), ipv4Node(2), ipv4Node(3, { ready: false }))
    expect(world.routes()).to.deep.equal([TWO, THREE])
    expect([world.speakers.length, world.peers()]).to.deep.equal([0, []])
    expect([world.problems(), world.network.ready]).to.deep.equal([[], true])
    expect(world.network.view.snapshot().routes[0]).to.deep.include({ state: 'installed', from: ['API'] })
    const states = world.network.view.report().map(({ name, state }) => `${name} ${state}`)
    expect(states.slice(0, 3)).to.deep.equal(['node-1 in-place', 'node-2 in-place', 'node-3 in-place'])
  })

  it('go with their Node, follow its address, and come back when somebody removes one', async () => {
    create({ routing: 'api' })
    await world.start(ipv4Node(1), ipv4Node(2), ipv4Node(3))
    world.network.removeNode('node-3')
    world.network.setNode(ipv4Node(2, { internalIPs: ['172.30.0.22'] }))
    await world.settle()
    expect(world.routes()).to.deep.equal(['10.244.2.0/24 via 172.30.0.22'])
    world.kernel.routes.lose(TABLE_MAIN, '10.244.2.0/24')
    await world.settle()
    expect(world.routes()).to.deep.equal(['10.244.2.0/24 via 172.30.0.22'])
  })

  it('take nothing of a Node that they would not take of a peer, and say so', async () => {
    create({ routing: 'api', serviceCidrs: [prefix('10.96.0.0/16')] })
    world.network.setApiServers(['203.0.113.1'])
    const greedy = [ipv4Node(2), ipv4Node(3)]
    for (const [i, range] of ['203.0.113.0/24', '10.244.1.128/25', '10.96.0.0/24'].entries())
      greedy.push(ipv4Node(4 + i, { podCIDRs: [range] }))
    await world.start(ipv4Node(1), ...greedy)
    expect(world.routes()).to.deep.equal([TWO, THREE])
    const refused = world.network.view.snapshot().routes.filter(({ state }) => state === 'refused')
    expect(refused.map(({ destination, detail }) => `${destination} ${detail}`)).to.have.members([
      '203.0.113.0/24 covers-api-server',
      '10.244.1.128/25 local-pods',
      '10.96.0.0/24 service-cidr',
    ])
    expect(reasons('node-4')).to.include('203.0.113.0/24 is refused: covers-api-server')
  })

  it('are not touched by an agent that starts on them', async () => {
    create({ routing: 'api' })
    await world.start(ipv4Node(1), ipv4Node(2))
    world.ops()
    await world.restart({ routing: 'api' }, ipv4Node(1), ipv4Node(2))
    expect(routeOps()).to.deep.equal([])
    await world.restart({ routing: 'api' }, ipv4Node(1))
    expect(routeOps()).to.deep.equal(['routes remove 10.244.2.0/24'])
  })

  it('stay as they are while it changes live from BGP to the Nodes and back', async () => {
    create()
    await world.start(ipv4Node(1), ipv4Node(2))
    await world.speak('172.30.0.12', ['10.244.2.0/24'])
    await world.sessions()
    expect(world.routes()).to.deep.equal([TWO])
    world.ops()
    set({ routing: 'api' })
    await world.settle(300_000)
    expect([world.speakers.at(-1)?.peers(), world.problems()]).to.deep.equal([[], []])
    expect(world.network.view.snapshot().routes[0]).to.deep.include({ state: 'installed', from: ['API'] })
    set({ routing: 'bgp' })
    await world.settle(50)
    expect(world.network.view.snapshot().routes[0]).to.deep.include({ state: 'kept' })
    await world.settle(60_000)
    expect(world.network.view.snapshot().routes[0]).to.deep.include({ state: 'installed', from: ['node-2'] })
    expect([routeOps(), world.routes()]).to.deep.equal([[], [TWO]])
  })

  it('are none with routing: none, where the CNI configuration waits for no peer, and come back', async () => {
    create({ routing: 'none', externalPeers: [router(ROUTERS[0]!)] })
    await world.start(ipv4Node(1), ipv4Node(2))
    expect([world.routes(), world.speakers.length, world.problems()]).to.deep.equal([[], 0, []])
    expect(world.kernel.files.paths()).to.have.length(1)
    expect(world.masqueraded()).to.include('pods-4 10.244.2.0/24')
    set({ routing: 'api' })
    await world.settle()
    expect(world.routes()).to.deep.equal([TWO])
    set({ routing: 'none' })
    await world.settle()
    expect([world.routes(), [...world.network.pending()]]).to.deep.equal([[], []])
  })

  it('to a Node behind a router go by that router, which is said, and follow the kernel', async () => {
    create({ routing: 'api' })
    const far = {
      family: 4,
      destination: '192.168.9.0/24',
      scope: 0,
      type: 'unicast',
      table: TABLE_MAIN,
    } as const
    const byRouter = (gateway: string): Route => ({ ...far, gateway, protocol: 4 })
    await world.kernel.routes.apply([{ kind: 'add', route: byRouter('172.30.0.1') }])
    await world.start(ipv4Node(1), ipv4Node(2, { internalIPs: ['192.168.9.12'] }))
    expect(world.routes()).to.include('10.244.2.0/24 via 172.30.0.1')
    expect(reasons('node-2')).to.deep.equal([
      '10.244.2.0/24 goes by the router 172.30.0.1, which needs a route to it, or a BGP session with the node',
    ])
    await world.kernel.routes.apply([{ kind: 'replace', route: byRouter('172.30.0.2') }])
    await world.settle(500)
    expect(world.routes()).to.include('10.244.2.0/24 via 172.30.0.2')
  })

  it('to a Node behind a router outlive the agent, also where that Node has no session yet', async () => {
    create({ peerDeadline: 2 })
    const destination = '192.168.9.0/24'
    const far = { family: 4, destination, scope: 0, type: 'unicast', table: TABLE_MAIN, protocol: 4 } as const
    await world.kernel.routes.apply([{ kind: 'add', route: { ...far, gateway: '172.30.0.1' } }])
    const node = ipv4Node(2, { internalIPs: ['192.168.9.12'] })
    await world.start(ipv4Node(1), node)
    await world.speak('192.168.9.12', ['10.244.2.0/24'])
    await world.sessions()
    expect(world.routes()).to.include('10.244.2.0/24 via 172.30.0.1')
    world.ops()
    await world.silence('192.168.9.12')
    await world.restart({ peerDeadline: 2 }, ipv4Node(1), node)
    await world.settle(10_000)
    expect([routeOps(), world.routes().includes('10.244.2.0/24 via 172.30.0.1')]).to.deep.equal([[], true])
  })

  describe('and to networks outside', () => {
    const routers = ROUTERS.map(router)
    const outside = () => world.kernel.routes.of(TABLE_MAIN).get(OUTSIDE)

    beforeEach(async () => {
      create({ externalPeers: routers })
      await world.start(ipv4Node(1))
      for (const address of ROUTERS) await world.speak(address, [OUTSIDE], { asn: 65000 })
      await world.sessions()
    })

    it('go by every router that knows the way, and say of whom they were learned', () => {
      expect(outside()?.nextHops).to.deep.equal(ROUTERS.map((gateway) => ({ gateway })))
      expect(
        world.network.view.snapshot().routes.find(({ destination }) => destination === OUTSIDE),
      ).to.deep.include({
        gateways: ROUTERS,
        from: ROUTERS,
        state: 'installed',
      })
    })

    it('are changed in place when one of them is gone, and when it is back', async () => {
      world.ops()
      await world.silence(ROUTERS[0]!, 'stops')
      await world.settle(1000)
      expect([outside()?.gateway, outside()?.nextHops]).to.deep.equal([ROUTERS[1], undefined])
      await world.speak(ROUTERS[0]!, [OUTSIDE], { asn: 65000 })
      await world.settle(60_000)
      expect(outside()?.nextHops).to.have.length(2)
      expect(routeOps()).to.deep.equal([`routes replace ${OUTSIDE}`, `routes replace ${OUTSIDE}`])
    })

    it('go by one of them with maxPaths: 1, live and without a session lost', async () => {
      const before = world.established()
      set({ maxPaths: 1 })
      await world.settle(1000)
      expect(outside()?.gateway).to.equal(ROUTERS[0])
      expect(world.established()).to.deep.equal(before)
    })

    it('are put back when somebody takes a next hop away, and adopted by the next agent', async () => {
      const [, second] = ROUTERS
      const { nextHops: _, ...route } = outside()!
      await world.kernel.routes.apply([{ kind: 'replace', route: { ...route, gateway: second! } }])
      await world.settle(1000)
      expect(outside()?.nextHops).to.have.length(2)
      world.ops()
      await world.restart({ externalPeers: routers }, ipv4Node(1))
      await world.settle(60_000)
      expect(routeOps()).to.deep.equal([])
      expect(outside()?.nextHops).to.have.length(2)
    })
  })

  it('of this node are announced again after BGP was off', async () => {
    create({ routing: 'none' })
    await world.start(ipv4Node(1), ipv4Node(2))
    set({ routing: 'bgp' })
    const other = await world.speak('172.30.0.12', ['10.244.2.0/24'])
    await world.sessions()
    expect(other.paths('10.244.1.0/24').map(({ nextHop }) => nextHop)).to.deep.equal([LOCAL_ADDRESS])
  })
})
