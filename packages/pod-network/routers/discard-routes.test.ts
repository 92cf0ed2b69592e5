import { cidr } from '@podroute/address/cidr.ts'
import type { Route } from '@podroute/linux/route/route-message.ts'
import { expect } from 'chai'
import { NO_SERVICE_ADDRESSES } from '../service-addresses/settings.ts'
import type { ExternalPeer } from '../settings.ts'
import { allServed, testService } from '../testing/fake-services.ts'
import { testNode } from '../testing/fixtures.ts'
import { World } from '../testing/world.ts'
import { DISCARD_METRIC, DiscardRoutes } from './discard-routes.ts'

const PODS = ['10.244.0.0/16', 'fd10:244::/48']
const VIPS = '198.51.100.0/24'

describe('the discard routes of aggregates', () => {
  let world: World
  afterEach(() => world[Symbol.asyncDispose]())

  const router = (...aggregates: readonly string[]): ExternalPeer => ({
    ...{ address: '172.30.0.100', asn: 65000, acceptRoutes: false, maxPrefixes: 10 },
    announce: { aggregates: aggregates.map(cidr) },
  })
  const discarded = async () => {
    const routes = await world.kernel.routes.list({ table: 254 })
    return routes.filter(({ type }) => type === 'blackhole')
  }
  const destinations = async () => (await discarded()).map(({ destination }) => destination).sort()

  it('are there for both families as long as the aggregate is announced, and come last', async () => {
    world = new World({ externalPeers: [router(...PODS, '192.0.2.0/24')] })
    await world.start(testNode(1), testNode(2))
    expect(await destinations()).to.deep.equal(PODS)
    expect((await discarded()).map(({ priority }) => priority)).to.deep.equal([
      DISCARD_METRIC,
      DISCARD_METRIC,
    ])
    world.network.configure({ ...world.settings, externalPeers: [router(PODS[1]!)] })
    await world.settle()
    expect(await destinations()).to.deep.equal([PODS[1]])
    world.network.configure({ ...world.settings, externalPeers: [] })
    await world.settle()
    expect(await destinations()).to.deep.equal([])
  })

  it('stay over a restart, and come again when somebody takes them away', async () => {
    world = new World({ externalPeers: [router(...PODS)] })
    await world.start(testNode(1))
    world.ops()
    await world.restart({ externalPeers: [router(...PODS)] }, testNode(1))
    expect(world.ops().filter((op) => op.startsWith('discards'))).to.deep.equal([])
    world.kernel.routes.lose(254, PODS[0]!)
    await world.settle(2000)
    expect(await destinations()).to.deep.equal(PODS)
    const cleaned = world.network.cleanup()
    await world.settle(3000)
    await cleaned
    expect(await destinations()).to.deep.equal([])
  })

  it('follow the addresses of Services, where this agent serves them', async () => {
    const serviceAddresses = {
      ...NO_SERVICE_ADDRESSES,
      kinds: ['external-ip'] as const,
      aggregates: [cidr(VIPS)],
    }
    world = new World({ serviceAddresses, externalPeers: [router()] })
    await world.start(testNode(1))
    const web = testService('web', { externalIPs: ['198.51.100.10'] })
    const say = async (answer: 'serving' | 'none') => {
      world.services.set(web, allServed(web, answer))
      world.network.allServicesChanged()
      world.network.servicesChanged([web.key])
      await world.settle()
    }
    await say('serving')
    expect(await destinations()).to.deep.equal([VIPS])
    await say('none')
    expect(await destinations()).to.deep.equal([])
    world.services.servedHere = false
    await say('serving')
    expect(await destinations()).to.deep.equal([])
  })

  it('cut nobody off that the node needs: a node elsewhere, which the condition of this node says', async () => {
    world = new World({ externalPeers: [router(...PODS)] })
    await world.start(testNode(1), testNode(2, { internalIPs: ['10.244.200.9', 'fd30::12'] }))
    expect(await destinations()).to.deep.equal([PODS[1]])
    const own = () => world.network.view.report().find(({ kind }) => kind === 'this node')
    expect(own()?.reasons.join()).to.include('10.244.200.9 is inside')
    world.network.setNode(testNode(2))
    await world.settle()
    expect(await destinations()).to.deep.equal(PODS)
    expect(own()?.reasons).to.deep.equal([])
  })

  it('do not mind a node that shares a network with this one', () => {
    world = new World()
    const wanted = new Map<string, Route>()
    const table = { desired: () => wanted, set: wanted.set.bind(wanted), delete: wanted.delete.bind(wanted) }
    const routes = new DiscardRoutes({ set() {}, delete() {} }, table)
    routes.set('10.0.0.0/8', { prefix: '10.0.0.0/8', origin: 'igp', tags: ['aggregate/pod-cidr'] })
    const needed = ['10.1.0.12']
    routes.plan(() => ({ servedHere: true, connected: [cidr('10.1.0.0/24')], needed }))
    expect([...wanted.keys()]).to.deep.equal(['10.0.0.0/8'])
    routes.plan(() => ({ servedHere: true, connected: [], needed }))
    expect([...wanted.keys()]).to.deep.equal([])
  })
})
