/** What routers and nodes hear of service addresses, from a pod network with a real speaker. */
import type { Service } from '@podroute/cluster/objects/service.ts'
import type { Answer } from '@podroute/feature/served-addresses.ts'
import type { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { expect } from 'chai'
import type { ExternalPeer } from '../settings.ts'
import { allServed, testService } from '../testing/fake-services.ts'
import { ipv4Node, World } from '../testing/world.ts'
import { NO_SERVICE_ADDRESSES, type ServiceAddressSettings } from './settings.ts'

const [ROUTER, OTHER] = ['172.30.0.100', '172.30.0.101']
const VIP = '198.51.100.10'
/** RFC 8326. */
const GRACEFUL_SHUTDOWN = '65535:0'
const router = (address: string): ExternalPeer => ({
  address,
  asn: 65000,
  acceptRoutes: false,
  maxPrefixes: 10,
})
const web = (policy = 'Local', metadata = {}) =>
  testService('web', { externalIPs: [VIP], externalTrafficPolicy: policy }, metadata)
const dns = () =>
  testService('dns', { clusterIP: '10.96.0.8', externalIPs: [VIP], externalTrafficPolicy: 'Local' })

describe('service addresses at routers', () => {
  let world: World
  let far: Speaker
  /** Prefixes of which the router heard something, one entry an UPDATE. */
  let heard: string[]

  const start = async (settings: Partial<ServiceAddressSettings> = {}) => {
    const serviceAddresses = { ...NO_SERVICE_ADDRESSES, kinds: ['external-ip'] as const, ...settings }
    world = new World({ serviceAddresses, externalPeers: [router(ROUTER), router(OTHER)] })
    far = await world.speak(ROUTER, [], { asn: 65000 })
    heard = []
    far.on('best', (changes) => void heard.push(...changes.map(({ prefix }) => prefix)))
  }
  const say = async (service: Service, answer: Answer) => {
    world.services.set(service, allServed(service, answer))
    world.network.servicesChanged([service.key])
    await world.settle(400)
  }
  const remove = async (service: Service) => {
    world.services.delete(service.key)
    world.network.servicesChanged([service.key])
    await world.settle(400)
  }
  const learned = (speaker = far) => Array.from(speaker.routes(), ({ prefix }) => prefix)
  const communities = () => far.paths(`${VIP}/32`)[0]?.communities
  afterEach(() => world[Symbol.asyncDispose]())

  it('are there in whatever order Services, Node and session come (A8)', async () => {
    await start()
    world.services.set(web(), allServed(web(), 'serving'))
    world.network.servicesChanged(['shop/web'])
    await world.start(ipv4Node(1))
    await world.sessions()
    expect(learned()).to.have.members(['10.244.1.0/24', `${VIP}/32`])
    await world.silence(ROUTER)
    await say(dns(), 'serving')
    far = await world.speak(ROUTER, [], { asn: 65000 })
    await world.sessions()
    expect(learned()).to.have.members(['10.244.1.0/24', `${VIP}/32`])
  })

  it('are all there before the router hears that this is all, so that it keeps those from before a restart (A8, A15)', async () => {
    await start()
    const ends: string[] = []
    far.on('peer', ({ kind }) => void ends.push(kind))
    world.services.ready = false
    await world.start(ipv4Node(1))
    await world.sessions()
    expect(learned()).to.deep.equal(['10.244.1.0/24'])
    expect(ends).to.include('established').and.not.include('end-of-rib')
    far.on('best', (changes) => void ends.push(...changes.map(({ prefix }) => prefix)))
    world.services.set(web(), allServed(web(), 'serving'))
    world.services.ready = true
    world.network.allServicesChanged()
    await world.settle(1000)
    const told = ends.filter((word) => word === `${VIP}/32` || word === 'end-of-rib')
    expect(told).to.deep.equal([`${VIP}/32`, 'end-of-rib'])
    expect(world.established()[ROUTER]).to.equal(1)
  })

  it('are waited for no longer than peers are', async () => {
    await start()
    const ends: string[] = []
    far.on('peer', ({ kind }) => void ends.push(kind))
    world.services.ready = false
    await world.start(ipv4Node(1))
    await world.settle((world.settings.peerDeadline - 5) * 1000)
    expect(ends).to.include('established').and.not.include('end-of-rib')
    await world.settle(6000)
    expect(ends).to.include('end-of-rib')
  })

  it('go with the last Service that is served there, not with the first, and come with no word in between (A14)', async () => {
    await start()
    await world.start(ipv4Node(1))
    await world.sessions()
    await say(web(), 'serving')
    await say(dns(), 'serving')
    heard.length = 0
    await say(web(), 'none')
    await remove(web())
    await say(web(), 'serving')
    await say(dns(), 'none')
    expect(heard).to.deep.equal([])
    expect(learned()).to.include(`${VIP}/32`)
    await remove(web())
    expect(heard).to.deep.equal([`${VIP}/32`])
    expect(learned()).to.deep.equal(['10.244.1.0/24'])
  })

  it('are made worse while endpoints only terminate, and better again without a withdrawal (A4)', async () => {
    await start()
    await world.start(ipv4Node(1))
    await world.sessions()
    await say(web(), 'serving')
    await say(web(), 'leaving')
    expect(communities()).to.include(GRACEFUL_SHUTDOWN)
    await say(web(), 'serving')
    expect(communities()).to.deep.equal([])
    await say(web(), 'none')
    expect(communities()).to.equal(undefined)
  })

  it('cost nothing where none is to be announced, however often what is served changes', async () => {
    await start({ kinds: [] })
    await world.start(ipv4Node(1))
    await world.sessions()
    world.services.set(web(), allServed(web(), 'serving'))
    world.network.servicesChanged(['shop/web'])
    await world.settle(400)
    let asked = 0
    const { servedOf } = world.services
    world.services.servedOf = (service) => {
      asked++
      return servedOf.call(world.services, service)
    }
    world.network.servedChanged(['shop/web'])
    await world.settle(400)
    expect(asked).to.equal(0)
    world.network.configure({
      ...world.settings,
      serviceAddresses: { ...NO_SERVICE_ADDRESSES, kinds: ['external-ip'] },
    })
    await world.settle(400)
    expect(learned()).to.include(`${VIP}/32`)
    world.services.set(web(), allServed(web(), 'none'))
    world.network.servedChanged(['shop/web'])
    await world.settle(400)
    expect(learned()).to.not.include(`${VIP}/32`)
  })

  it('of Services that did not change are not heard of again, whatever else does (A5)', async () => {
    await start()
    await world.start(ipv4Node(1), ipv4Node(2))
    await world.sessions()
    const many = Array.from({ length: 20 }, (_, n) =>
      testService(`many-${n}`, { clusterIP: `10.96.1.${n}`, externalIPs: [`198.51.100.${100 + n}`] }),
    )
    for (const service of many) world.services.set(service, allServed(service, 'serving'))
    world.network.allServicesChanged()
    await world.settle(400)
    const { established } = world.network.view.peers().find(({ address }) => address === ROUTER)!.counters
    heard.length = 0
    await say(web(), 'serving')
    world.network.setNode(ipv4Node(1, { labels: { unused: 'label' } }))
    world.network.configure({ ...world.settings })
    world.network.allServicesChanged()
    await world.settle(400)
    await remove(web())
    expect(heard).to.deep.equal([`${VIP}/32`, `${VIP}/32`])
    const after = world.network.view.peers().find(({ address }) => address === ROUTER)!.counters
    expect(after.established).to.equal(established)
  })

  it('are lowered and then withdrawn where the node is to be left, and the pods stay (A1)', async () => {
    await start({ drain: 30 })
    await world.start(ipv4Node(1))
    await world.sessions()
    await say(web('Cluster'), 'serving')
    world.network.setNode(ipv4Node(1, { unschedulable: true }))
    await world.settle(400)
    expect(communities()).to.deep.equal([])
    world.network.setNode(ipv4Node(1, { ready: false }))
    await world.settle(400)
    expect(communities()).to.deep.equal([GRACEFUL_SHUTDOWN])
    await world.settle(30_000)
    expect(learned()).to.deep.equal(['10.244.1.0/24'])
    world.network.setNode(ipv4Node(1))
    await world.settle(400)
    expect(communities()).to.deep.equal([])
  })

  it('go at once where Services do not work, with the reason, and come back (A7)', async () => {
    await start()
    await world.start(ipv4Node(1))
    await world.sessions()
    await say(web(), 'serving')
    world.services.broken = 'the kernel has no IPVS'
    world.network.allServicesChanged()
    await world.settle(400)
    expect(learned()).to.deep.equal(['10.244.1.0/24'])
    expect(world.network.view.announcements().map(({ state, why }) => `${state} ${why}`)).to.include(
      'withheld the kernel has no IPVS',
    )
    world.services.broken = undefined
    world.network.allServicesChanged()
    await world.settle(400)
    expect(learned()).to.include(`${VIP}/32`)
  })

  it('reach no other node, and are believed of none', async () => {
    await start()
    const node = await world.speak('172.30.0.12', ['10.244.2.0/24', '198.51.100.77/32'])
    await world.start(ipv4Node(1), ipv4Node(2))
    await world.sessions()
    await say(web(), 'serving')
    expect(learned(node)).to.have.members(['10.244.1.0/24', '10.244.2.0/24', '198.51.100.77/32'])
    expect(world.routes()).to.deep.equal(['10.244.2.0/24 via 172.30.0.12'])
  })

  it('are told to the routers of their rule alone', async () => {
    const rule = { selector: [], kinds: [], communities: ['64512:7'], largeCommunities: [] }
    await start({ rules: [{ ...rule, peers: [OTHER] }] })
    const other = await world.speak(OTHER, [], { asn: 65000 })
    await world.start(ipv4Node(1))
    await world.sessions()
    await say(web(), 'serving')
    expect(learned()).to.deep.equal(['10.244.1.0/24'])
    expect(other.paths(`${VIP}/32`)[0]?.communities).to.deep.equal(['64512:7'])
    const shown = world.network.view.announcements().find(({ prefix }) => prefix === `${VIP}/32`)
    expect(shown).to.deep.include({
      state: 'announced',
      told: [OTHER],
      owner: 'shop/web',
      kind: 'external-ip',
    })
    world.network.configure({
      ...world.settings,
      serviceAddresses: { ...NO_SERVICE_ADDRESSES, annotations: false },
    })
    await world.settle(400)
    expect(learned(other)).to.deep.equal(['10.244.1.0/24'])
  })
})
