/** Agents and a router outside, FRR and then BIRD: what they believe it, and what a client behind it notices when an agent restarts. */
import { expect } from 'chai'
import { AgentCluster, agentConfig } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { BirdRouter } from '../support/bird-router.ts'
import { eventually } from '../support/eventually.ts'
import { FrrRouter } from '../support/frr-router.ts'
import { CLIENT_PREFIXES, type OutsideRouter, ROUTER } from '../support/outside-router.ts'
import { ECHO, type PacketCount, sendPackets } from '../support/packet-loss.ts'

/** No router is believed these (the ranges of Services are those of the API), with the reason where everything else is accepted. */
const HOSTILE: Readonly<Record<string, string>> = {
  '0.0.0.0/0': 'default-route',
  '0.0.0.0/1': 'too-short',
  '128.0.0.0/1': 'too-short',
  '10.0.0.0/8': 'covers-cluster-cidr',
  '10.244.0.0/15': 'covers-cluster-cidr',
  '10.244.77.0/24': 'cluster-cidr',
  '10.96.0.0/16': 'service-cidr',
  '10.96.200.200/32': 'service-cidr',
  '172.31.0.11/32': 'connected',
  '169.254.169.254/32': 'link-local',
  '127.0.0.0/8': 'martian',
  '224.0.0.0/4': 'martian',
  '240.0.0.0/4': 'martian',
  '255.255.255.255/32': 'martian',
  '::/0': 'default-route',
  '::/1': 'too-short',
  '2000::/3': 'too-short',
  '::1/128': 'martian',
  'ff00::/8': 'martian',
  'fd10:244:0:ee::/64': 'cluster-cidr',
  'fd10:244::/32': 'covers-cluster-cidr',
  'fd10:96::1/128': 'service-cidr',
}

/** FRR waits longer and longer after sessions that ended at once, a minute at most, and takes none meanwhile. */
const PATIENCE = 90_000

describe('agents and a router outside', function () {
  this.timeout(120_000)
  let cluster: AgentCluster
  let router: OutsideRouter
  let frr: FrrRouter
  let one: TestNode
  let two: TestNode

  const config = (node: TestNode, acceptRoutes: string, more = '') =>
    agentConfig(
      cluster.conflist(node),
      `${more}
peers: [{address: ${ROUTER.ipv4}, asn: ${ROUTER.asn}, acceptRoutes: ${acceptRoutes}}]`,
    ).replace('podNetwork: {', "podNetwork: { clusterCIDRs: [10.244.0.0/16, 'fd10:244::/56'],")
  const ALLOWED = `[${CLIENT_PREFIXES.map((prefix) => `'${prefix}'`)}]`
  /** Destinations that the node has from the router. */
  const fromRouter = async (node: TestNode) =>
    (await cluster.routes(node))
      .filter((route) => / via (172\.31\.0\.100|fd31::100)$/.test(route))
      .map((route) => route.split(' ')[0]!)
  const isUp = async (node: TestNode) => {
    const { peers } = await cluster.ask(node, '/peers')
    const session = peers.find(({ kind }) => kind === 'external')
    return session?.state === 'established'
  }
  const refused = async (node: TestNode) => {
    const { routes } = await cluster.ask(node, '/routes')
    return Object.fromEntries(
      routes.filter(({ state }) => state === 'refused').map((r) => [r.destination, r.detail.split(',')[0]]),
    )
  }
  /** What node two refuses beside loops: the router tells each node of the pods of all, with the nodes' own AS in the path. */
  const refusedOfOthers = async () => {
    const [ofOne, ofTwo] = [await cluster.allocated(one), await cluster.allocated(two)]
    const found = Object.entries(await refused(two))
    const loops = found.flatMap(([prefix, reason]) => (reason === 'as-loop' ? [prefix] : []))
    expect(loops).to.include.members([...ofOne])
    expect([...ofOne, ...ofTwo]).to.include.members(loops)
    return Object.fromEntries(found.filter(([, reason]) => reason !== 'as-loop'))
  }
  const restart = async (node: TestNode, acceptRoutes: string) => {
    await cluster.killAgent(node)
    await cluster.startAgent(node, config(node, acceptRoutes))
    await eventually(() => isUp(node), 30_000)
  }

  before(async () => {
    cluster = await AgentCluster.start('routers')
    one = await cluster.addNamespace()
    two = await cluster.addNamespace()
    router = frr = await FrrRouter.start(cluster, [one, two], Object.keys(HOSTILE))
    for (const node of [one, two]) {
      await cluster.registerNode(node, { ready: true })
      await cluster.startAgent(node, config(node, ALLOWED))
    }
    for (const node of [one, two]) await eventually(() => isUp(node), 60_000)
    await cluster.processes.start('echo', [process.execPath, '-e', ECHO], { netns: one.netns })
    await eventually(
      async () => (await cluster.exec(one, 'ss', '-Hlnu', 'sport = :7007')).split('\n').length > 2,
    )
  })
  after(async () => {
    await router?.[Symbol.asyncDispose]()
    await cluster?.[Symbol.asyncDispose]()
  })

  it('install what acceptRoutes names, and nothing else that it announces', async () => {
    const announced = [...CLIENT_PREFIXES, ...Object.keys(HOSTILE)]
    await eventually(async () => expect(await frr.told(one)).to.include.members(announced))
    await eventually(async () => expect(await fromRouter(one)).to.have.members([...CLIENT_PREFIXES]))
    await eventually(async () =>
      expect(Object.keys(await refused(one))).to.include.members(Object.keys(HOSTILE)),
    )
    expect(await fromRouter(one)).to.have.members([...CLIENT_PREFIXES])
  })

  it('announce their pod prefixes to it', async () => {
    const prefixes = (await Promise.all([one, two].map((node) => cluster.allocated(node)))).flat().sort()
    await eventually(async () => expect(await router.learned()).to.deep.equal(prefixes))
  })

  const OFF = 'bgp: {gracefulRestart: {enabled: false}}'
  const kill = (node: TestNode) => cluster.killAgent(node)
  const stop = async (node: TestNode) => {
    process.kill(cluster.agentPid(node), 'SIGTERM')
    await eventually(() => !cluster.processes.isRunning(`agent-${node.name}`))
  }
  const sync = async () => {
    await eventually(() => isUp(one), 30_000)
    await eventually(async () => expect((await router.learned()).length).to.equal(4))
    await eventually(async () => expect(await fromRouter(one)).to.have.members([...CLIENT_PREFIXES]))
  }
  /** How many datagrams of a client behind the router are lost, of each family, over an end of the agent and its start. */
  const lostOver = async (end: (node: TestNode) => Promise<void>, next = config(one, ALLOWED)) => {
    await sync()
    const prefixes = await cluster.allocated(one)
    const gateways = prefixes.map((prefix) => prefix.replace(/0?\/.*/, '1'))
    const packets = await Promise.all(gateways.map((address) => sendPackets(router.client, address)))
    await end(one)
    await eventually(async () => !(await router.hears(one)))
    await cluster.startAgent(one, next)
    await sync()
    return (await Promise.all(packets.map((each) => each.stop()))).map(lost)
  }

  const losesNothing = () => {
    it('lose no packet of a client behind it, of either family, while an agent is killed and started again', async () => {
      expect(await lostOver(kill)).to.deep.equal([0, 0])
    })

    it('lose none while an agent is stopped and started again', async () => {
      expect(await lostOver(stop)).to.deep.equal([0, 0])
    })
  }
  losesNothing()

  it('lose some where graceful restart is off', async () => {
    await stop(one)
    await cluster.startAgent(one, config(one, ALLOWED, OFF))
    for (const count of await lostOver(kill)) expect(count).to.be.greaterThan(2)
  })

  it('believe it nothing by default', async () => {
    await restart(two, 'false')
    await eventually(async () =>
      expect(Object.keys(await refused(two))).to.include.members(Object.keys(HOSTILE)),
    )
    await eventually(async () =>
      expect(new Set(Object.values(await refusedOfOthers()))).to.deep.equal(new Set(['not-accepted'])),
    )
    // What the run before it had taken goes once everybody has been heard.
    await eventually(async () => expect(await fromRouter(two)).to.deep.equal([]))
  })

  it('refuse what is martian, covers or lies in ranges of the cluster, also where all is accepted', async () => {
    await restart(two, 'true')
    await eventually(async () => expect(await fromRouter(two)).to.have.members([...CLIENT_PREFIXES]))
    await eventually(async () => expect(await refusedOfOthers()).to.deep.equal(HOSTILE))
  })

  it('take a default route from it where that is named', async () => {
    await restart(two, `['::/0']`)
    await eventually(async () => expect(await fromRouter(two)).to.deep.equal(['default']))
  })

  it('have a session with it from the link only where ttlSecurityHops says so, once it has TTL security itself', async function () {
    this.timeout(3 * PATIENCE)
    const secure = config(two, ALLOWED).replace('acceptRoutes:', 'ttlSecurityHops: 1, acceptRoutes:')
    const dropped = async () => {
      const text = await cluster.exec(two, 'nstat', '-asz', 'TcpExtTCPMinTTLDrop')
      return Number(/TCPMinTTLDrop\s+(\d+)/.exec(text)?.[1])
    }
    const before = await dropped()
    await cluster.configure(two, secure)
    // Without it, FRR sends to external peers with a TTL of 1.
    await eventually(async () => (await dropped()) > before && !(await isUp(two)))
    const security = (no: string) =>
      frr.vtysh(
        'configure terminal',
        `router bgp ${ROUTER.asn}`,
        `${no}neighbor ${two.ipv4} ttl-security hops 1`,
      )
    await security('')
    await eventually(() => isUp(two), PATIENCE)
    await eventually(async () => expect(await fromRouter(two)).to.have.members([...CLIENT_PREFIXES]))
    await cluster.configure(two, config(two, ALLOWED))
    await security('no ')
    await eventually(() => isUp(two), PATIENCE)
  })

  describe('that is BIRD', () => {
    before(async () => {
      await router[Symbol.asyncDispose]()
      router = await BirdRouter.start(cluster, [one, two])
    })
    losesNothing()
  })
})

function lost({ sent, received }: PacketCount): number {
  expect(sent).to.be.greaterThan(10)
  return sent - received
}
