/** Addresses of Services at a router outside, FRR: from which nodes it hears of them, how soon, and how soon they are gone. */
import { expect } from 'chai'
import { AgentCluster, agentConfig } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { AnnouncedServices } from '../support/announced-services.ts'
import { eventually } from '../support/eventually.ts'
import { FrrRouter } from '../support/frr-router.ts'
import { ROUTER } from '../support/outside-router.ts'
import { QuickApi } from '../support/quick-api.ts'
import { RouteLog } from '../support/route-log.ts'

const TIMES = 10
/** Milliseconds; the figure itself is 150, by `npm run bench:network`: this machine runs other tests. */
const BOUND = 1000
const PATCHES = 12
/** Of one object and reason by one agent at once, and one more a minute later. */
const MOST_EVENTS = 6

describe('agents and a router outside, service addresses', function () {
  this.timeout(120_000)
  let cluster: AgentCluster
  let router: FrrRouter
  let services: AnnouncedServices
  let log: RouteLog
  let one: TestNode
  let two: TestNode

  const config = (node: TestNode, more = 'externalIPs: true') =>
    agentConfig(
      cluster.conflist(node),
      `peers: [{address: ${ROUTER.ipv4}, asn: ${ROUTER.asn}}]
serviceAddresses: { ${more}, ranges: [198.51.100.0/24, 203.0.0.0/16] }`,
    )
  /** Nodes by which the router reaches an address. */
  const nodesTo = async (prefix: string) => {
    const text = await router.vtysh(`show bgp ipv4 unicast ${prefix} json`)
    const { paths = [] } = JSON.parse(text || '{}') as { paths?: { nexthops: { ip: string }[] }[] }
    const hops = new Set(paths.flatMap(({ nexthops }) => nexthops.map(({ ip }) => ip)))
    return [one, two].filter(({ ipv4 }) => hops.has(ipv4!)).map(({ name }) => name)
  }
  const isAt = (address: string, ...nodes: readonly TestNode[]) =>
    eventually(async () =>
      expect(await nodesTo(`${address}/32`)).to.deep.equal(nodes.map(({ name }) => name)),
    )
  const isLowered = async (address: string) =>
    (await router.vtysh(`show bgp ipv4 unicast ${address}/32 json`)).includes('gracefulShutdown')

  before(async () => {
    cluster = await AgentCluster.start('service-routes')
    one = await cluster.addNamespace()
    two = await cluster.addNamespace()
    router = await FrrRouter.start(cluster, [one, two])
    log = new RouteLog(router.netns)
    for (const node of [one, two]) {
      await cluster.registerNode(node, { ready: true })
      await cluster.startAgent(node, config(node))
    }
    services = new AnnouncedServices(
      await QuickApi.open({ ...cluster, kubeconfig: cluster.control.kubeconfig }),
    )
    await eventually(async () => expect(await router.hears(one)).to.equal(true), 60_000)
    await eventually(async () => expect(await router.hears(two)).to.equal(true), 60_000)
  })
  after(async () => {
    log?.[Symbol.dispose]()
    await router?.[Symbol.asyncDispose]()
    await cluster?.[Symbol.asyncDispose]()
  })

  const median = (times: readonly number[]) => times.toSorted((a, b) => a - b)[times.length >> 1]!

  it(`are there within ${BOUND} ms of their Service, by every node that can serve, and gone with it`, async () => {
    const came: number[] = []
    for (let n = 0; n < TIMES; n++) {
      const [name, address] = [`quick-${n}`, `198.51.100.${100 + n}`]
      await services.slice(name, [['10.244.9.9', two.name]])
      const since = log.length
      const start = performance.now()
      await services.create({ name, address })
      came.push((await log.when('came', address, since)) - start)
    }
    console.log(`      Service created to its route at the router, median: ${Math.round(median(came))} ms`)
    expect(median(came)).to.be.below(BOUND)
    await isAt('198.51.100.100', one, two)
    await services.remove('quick-0')
    await isAt('198.51.100.100')
  })

  it(`with policy Local are there by the nodes with a ready endpoint alone, and gone within ${BOUND} ms of the last one (A2)`, async () => {
    const address = '198.51.100.10'
    const went: number[] = []
    await services.slice('web', [['10.244.9.9', one.name]])
    // The router's kernel follows its BGP: a route that goes before it got there would leave no word in the log.
    let before = log.length
    await services.create({ name: 'web', address, policy: 'Local' })
    await log.when('came', address, before)
    await isAt(address, one)
    for (let n = 0; n < TIMES; n++) {
      const since = log.length
      const start = performance.now()
      await services.slice('web', [['10.244.9.9', one.name, { ready: false }]])
      went.push((await log.when('went', address, since)) - start)
      before = log.length
      await services.slice('web', [['10.244.9.9', one.name]])
      await log.when('came', address, before)
      await isAt(address, one)
    }
    console.log(
      `      last local endpoint gone to its withdrawal there, median: ${Math.round(median(went))} ms`,
    )
    expect(median(went)).to.be.below(BOUND)
  })

  it('are the last resort while endpoints only terminate, and withdrawn when they serve no more (A4)', async () => {
    const address = '198.51.100.10'
    const [here, there] = [one, two].map(({ name }) => name) as [string, string]
    const serving = { ready: false, serving: true, terminating: true }
    await services.slice('web', [
      ['10.244.9.9', here, serving],
      ['10.244.8.8', there],
    ])
    await isAt(address, one, two)
    await eventually(() => isLowered(address))
    // The other path is the one that it uses.
    const routes = await cluster.exec({ ...one, netns: router.netns }, 'ip', 'route', 'show', address)
    expect(routes).to.include(`via ${two.ipv4}`).and.not.include(`via ${one.ipv4}`)
    await services.slice('web', [
      ['10.244.9.9', here, { ...serving, serving: false }],
      ['10.244.8.8', there],
    ])
    await isAt(address, two)
  })

  it('stay where slices move, whichever comes first, and where two Services share one (A6, A14)', async () => {
    const address = '198.51.100.11'
    const before = log.length
    await services.slice('moving', [['10.244.9.1', one.name]], 'moving-1')
    await services.create({ name: 'moving', address, policy: 'Local' })
    await log.when('came', address, before)
    await isAt(address, one)
    const since = log.length
    await services.slice('moving', [['10.244.9.1', one.name]], 'moving-4')
    await services.removeSlice('moving-1')
    await services.create({ name: 'sharing', address, policy: 'Local', port: 53 })
    await services.slice('sharing', [['10.244.9.2', one.name]])
    await services.remove('sharing')
    await services.create({ name: 'marker', address: '198.51.100.12' })
    await services.slice('marker', [['10.244.9.3', one.name]])
    await log.when('came', '198.51.100.12', since)
    expect(log.about(address, since)).to.deep.equal([])
    await services.removeSlice('moving-4')
    await isAt(address)
  })

  it('are no routes of other nodes', async () => {
    const all = [...(await cluster.routes(one)), ...(await cluster.routes(two))]
    expect(all.filter((route) => route.startsWith('198.51.100.'))).to.deep.equal([])
    const { peers } = await cluster.ask(one, '/peers')
    const other = peers.find(({ name }) => name === two.name)
    expect(other?.counters.prefixesReceived).to.equal(2)
  })

  it('are shown: to whom they are told, and why not', async () => {
    const { stdout } = await cluster.podroute(one, 'announcements')
    expect(stdout).to.match(
      /198\.51\.100\.101\/32\s+external-ip\s+default\/quick-1\s+announced\s+172\.31\.0\.100/,
    )
    expect(stdout).to.match(/198\.51\.100\.10\/32\s.*withheld.*no ready endpoint on this node/)
  })

  it('are counted, by kind and by what became of them', async () => {
    const text = await cluster.exec(one, 'curl', '-s', 'http://127.0.0.1:20245/metrics')
    expect(text).to.match(/^podroute_announced_prefixes\{kind="pod-cidr",state="announced"\} 2$/m)
    expect(text).to.match(/^podroute_announced_prefixes\{kind="external-ip",state="announced"\} \d+$/m)
    expect(text).to.match(/^podroute_announced_prefixes\{kind="external-ip",state="withheld"\} \d+$/m)
  })

  it('of a tenant who annotates wrongly again and again cost a few Events, and the rest is counted (P)', async () => {
    const heldBack = async () => {
      const text = await cluster.exec(one, 'curl', '-s', 'http://127.0.0.1:20245/metrics')
      return Number(/^podroute_events_held_back_total (\d+)$/m.exec(text)?.[1])
    }
    const before = await heldBack()
    await services.create({ name: 'noisy', address: '198.51.100.200' })
    for (let n = 0; n < PATCHES; n++)
      await cluster.kubectl(
        ...['annotate', 'service', 'noisy', '--overwrite'],
        `podroute.io/service.advertise.externalip=wrong-${n}`,
      )
    await eventually(async () => (await heldBack()) > before)
    const selector = 'involvedObject.name=noisy'
    const events = await eventually(async () => {
      const names = await cluster.kubectl('get', 'events', '--field-selector', selector, '-o', 'name')
      return names.split('\n').filter(Boolean)
    })
    expect(events.length, 'Events').to.be.within(1, 2 * MOST_EVENTS)
    await services.remove('noisy')
  })

  it('change with the configuration, and no session with them', async () => {
    const { peers } = await cluster.ask(one, '/peers')
    await cluster.configure(one, config(one, 'externalIPs: false, annotations: false'))
    await isAt('198.51.100.101', two)
    await cluster.configure(one, config(one))
    await isAt('198.51.100.101', one, two)
    const established = (list: typeof peers) => list.map(({ counters }) => counters.established)
    expect(established((await cluster.ask(one, '/peers')).peers)).to.deep.equal(established(peers))
  })

  it('stay at the router while an agent is killed and started again', async () => {
    const since = log.length
    await cluster.killAgent(one)
    await cluster.startAgent(one, config(one))
    await eventually(() => router.hears(one), 30_000)
    await isAt('198.51.100.101', one, two)
    expect(log.about('198.51.100.101', since).filter((line) => line.startsWith('Deleted'))).to.deep.equal([])
  })
})
