/**
 * Two FRR routers at the top of a rack, as docs/routers.md has them, and whole agents on two nodes: TCP-MD5, BFD, ECMP in both directions. A lab of
 * its own, by `npm test -- top-of-rack`: a real control plane, nodes and routers in namespaces.
 */
import { expect } from 'chai'
import { run } from '../../lab/command.ts'
import { DocumentedRouter, documented } from '../interop/support/documented-router.ts'
import { BEHIND, RouterNetwork, type Site } from '../interop/support/router-network.ts'
import { AgentCluster, agentConfig } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { AnnouncedServices } from '../support/announced-services.ts'
import { eventually } from '../support/eventually.ts'
import { ECHO, type PacketCount, sendPackets } from '../support/packet-loss.ts'
import { QuickApi } from '../support/quick-api.ts'
import { addClients, CLIENTS } from './support/client.ts'

/** Three packets, 300 ms apart, and what a loaded machine may add. */
const DETECTION = 900 + 1500
const SERVICE = '198.51.100.10'
const HOSTS = [100, 101] as const
const PATIENCE = 60_000
/** docs/routers.md */
const KEY = 'top-of-rack'

interface KernelRoute {
  readonly gateway?: string
  readonly nexthops?: readonly { readonly gateway: string }[]
}

/** The documented text for the router at another address. */
const at = (text: string, host: number) =>
  text.replaceAll('172.31.0.100', `172.31.0.${host}`).replaceAll('fd31::100', `fd31::${host}`)
const say = (what: string, seen: unknown) =>
  console.log(`      ${what}: ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`)

describe('two FRR routers at the top of a rack, and whole agents', function () {
  this.timeout(120_000)
  let cluster: AgentCluster
  let network: RouterNetwork
  let sites: Site[]
  let routers: DocumentedRouter[]
  let nodes: TestNode[]
  let clients: string
  const one = () => nodes[0]!

  /** Each router has a key of its own, so that one can be changed after the other. */
  const config = (node: TestNode) => {
    const entries = documented('yaml').replace('peers:\n', '')
    const peers = HOSTS.map((host) => {
      const file = cluster.volume(node).file(`router-${host}`)
      return at(entries, host).replaceAll('/etc/podroute-secrets/router', file)
    }).join('')
    const announced = 'serviceAddresses: { externalIPs: true, ranges: [198.51.100.0/24] }'
    return agentConfig(cluster.conflist(node), `${announced}\npeers:\n${peers}`)
  }
  const configure = (node: TestNode, ...keys: readonly [string, string]) =>
    cluster.configure(
      node,
      config(node),
      Object.fromEntries(HOSTS.map((host, i) => [`router-${host}`, `${keys[i]}\n`])),
    )

  const nextHops = async (netns: string, prefix: string): Promise<string[]> => {
    const family = prefix.includes(':') ? '-6' : '-4'
    const text = await run('ip', ['-n', netns, '-j', family, 'route', 'show', prefix])
    const routes = JSON.parse(text || '[]') as KernelRoute[]
    return routes
      .flatMap(({ gateway, nexthops = [] }) => [gateway, ...nexthops.map((hop) => hop.gateway)])
      .filter((hop) => hop !== undefined)
      .sort()
  }
  /** Of each family, what the routers lead to. */
  const isReachedBy = async (node: TestNode, ...hosts: readonly number[]) => {
    for (const prefix of BEHIND)
      await eventually(async () => {
        const by = hosts.map((host) => (prefix.includes(':') ? `fd31::${host}` : `172.31.0.${host}`))
        return expect(await nextHops(node.netns, prefix)).to.deep.equal(by.sort())
      })
  }
  const serviceIsAt = async (site: Site, ...at: readonly TestNode[]) =>
    eventually(async () =>
      expect(await nextHops(site.netns, SERVICE)).to.deep.equal(at.map(({ ipv4 }) => ipv4).sort()),
    )
  const sessions = async (node: TestNode) =>
    (await cluster.ask(node, '/peers')).peers
      .filter(({ kind }) => kind === 'external')
      .map(({ address, state, bfd }) => `${address} ${state}, BFD ${bfd?.state}`)
      .sort()
  /** How often the sessions with a router came up, of that which did so least. */
  const established = async (node: TestNode, host: number) => {
    const { peers } = await cluster.ask(node, '/peers')
    const own = peers.filter(({ address }) => new RegExp(`[.:]${host}$`).test(address))
    expect(own).to.have.length(2)
    return Math.min(...own.map(({ counters }) => counters.established))
  }
  const UP = HOSTS.flatMap((host) => [`172.31.0.${host}`, `fd31::${host}`])
    .map((address) => `${address} established, BFD up`)
    .sort()
  const areUp = async () => {
    for (const node of nodes)
      await eventually(async () => expect(await sessions(node)).to.deep.equal(UP), PATIENCE)
  }
  /** A flow of each family by each router: the kernel chooses by the address; of IPv6, by the protocol, too. */
  const flows = async () => {
    const found = new Map<string, string>()
    for (const address of [...CLIENTS[4], ...CLIENTS[6]]) {
      const flow = [address, 'ipproto', 'udp']
      const [route] = JSON.parse(await cluster.exec(one(), 'ip', '-j', 'route', 'get', ...flow))
      if (!found.has(route.gateway)) found.set(route.gateway, address)
    }
    expect(found.size, 'two routers, two families').to.equal(4)
    return Promise.all(
      [...found].map(async ([by, address]) => ({ by, packets: await sendPackets(one().netns, address) })),
    )
  }
  const lostBy = async (sent: Awaited<ReturnType<typeof flows>>) => {
    const lost = ({ sent: all, received }: PacketCount) => all - received
    return Promise.all(sent.map(async ({ by, packets }) => ({ by, lost: lost(await packets.stop()) })))
  }

  before(async () => {
    cluster = await AgentCluster.start('top-of-rack')
    nodes = [await cluster.addNamespace(), await cluster.addNamespace()]
    network = new RouterNetwork(cluster.network)
    sites = HOSTS.map((host) => network.addRouter(host))
    clients = `${cluster.network}-c`
    addClients(network, clients, sites)
    routers = sites.map((site) => new DocumentedRouter('frr', site))
    const withServices = documented('frr').replace(
      'ip prefix-list OURS',
      'ip prefix-list PODS seq 10 permit 198.51.100.0/24 ge 32\nip prefix-list OURS',
    )
    for (const [i, router] of routers.entries()) {
      await run('ip', ['netns', 'exec', sites[i]!.netns, 'sysctl', '-qw', 'net.ipv4.ip_forward=1'])
      await run('ip', ['netns', 'exec', sites[i]!.netns, 'sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1'])
      await router.start(at(withServices, HOSTS[i]!))
    }
    await cluster.processes.start('clients', [process.execPath, '-e', ECHO], { netns: clients })
    for (const node of nodes) {
      await cluster.registerNode(node, { ready: true })
      await cluster.startAgent(node, config(node))
      // As a Secret that comes after the pod.
      await configure(node, KEY, KEY)
    }
  })
  after(async () => {
    await Promise.all(routers?.map((router) => router.stop()) ?? [])
    await cluster?.processes.stop((name) => name === 'clients')
    if (clients) await run('ip', ['netns', 'delete', clients])
    network?.close()
    await cluster?.[Symbol.asyncDispose]()
  })

  it('have a session with each router by each family, with a key and BFD', async () => {
    await areUp()
    say(`sessions of ${one().name}`, await sessions(one()))
  })

  it('use both routers at once for what both announce', async () => {
    for (const node of nodes) await isReachedBy(node, ...HOSTS)
    for (const prefix of BEHIND) say(`${one().name} to ${prefix} by`, await nextHops(one().netns, prefix))
  })

  it('are both used by each router for an address of a Service', async () => {
    const services = new AnnouncedServices(
      await QuickApi.open({ ...cluster, kubeconfig: cluster.control.kubeconfig }),
    )
    await services.slice('web', [['10.244.9.9', one().name]])
    await services.create({ name: 'web', address: SERVICE })
    for (const site of sites) {
      await serviceIsAt(site, ...nodes)
      say(`router ${site.ipv4} to ${SERVICE} by`, await nextHops(site.netns, SERVICE))
    }
  })

  it('lose no packet while the keys are changed: of one router after the other, there first', async () => {
    const sent = await flows()
    const keys: [string, string] = [KEY, KEY]
    for (const [i, router] of routers.entries()) {
      const ups = await Promise.all(nodes.map((node) => established(node, HOSTS[i]!)))
      keys[i] = `another-${HOSTS[i]}`
      await router.vtysh(
        ...['configure terminal', 'router bgp 65000'],
        ...['NODES', 'NODES6'].map((group) => `neighbor ${group} password ${keys[i]}`),
      )
      for (const node of nodes) await configure(node, ...keys)
      for (const [n, node] of nodes.entries())
        await eventually(async () => (await established(node, HOSTS[i]!)) > ups[n]!, PATIENCE)
      await areUp()
      for (const site of sites) await serviceIsAt(site, ...nodes)
    }
    const lost = await lostBy(sent)
    say('packets lost over the change of keys', lost)
    for (const flow of lost) expect(flow.lost).to.equal(0)
  })

  it('move what went by a router that dies within the detection time, and nothing else', async () => {
    for (const node of nodes) await isReachedBy(node, ...HOSTS)
    const sent = await flows()
    network.unplug(sites[0]!)
    for (const node of nodes) await isReachedBy(node, 101)
    const lost = await lostBy(sent)
    say('packets lost, of 50 a second, as 172.31.0.100 dies', lost)
    for (const { by, lost: count } of lost)
      if (by.endsWith('101')) expect(count).to.equal(0)
      else expect(count).to.be.within(1, DETECTION / 20)
  })

  it('use it again when it is back', async () => {
    const sent = await flows101()
    network.plug(sites[0]!)
    await areUp()
    for (const node of nodes) await isReachedBy(node, ...HOSTS)
    await serviceIsAt(sites[0]!, ...nodes)
    for (const { lost } of await lostBy(sent)) expect(lost).to.equal(0)
  })

  it('are left by the routers within the detection time when a machine dies', async () => {
    const [, two] = nodes
    await cluster.inNetwork('ip', 'link', 'set', 'port2', 'nomaster')
    const start = performance.now()
    await Promise.all(sites.map((site) => serviceIsAt(site, one())))
    const took = performance.now() - start
    say(`${SERVICE} has left ${two!.name}, after`, `${Math.round(took)} ms`)
    expect(took).to.be.below(DETECTION)
    await cluster.inNetwork('ip', 'link', 'set', 'port2', 'master', 'nodes')
    await Promise.all(sites.map((site) => serviceIsAt(site, ...nodes)))
  })

  it('have no session with a router that has another key', async () => {
    await configure(one(), 'not it', 'not it')
    await eventually(async () =>
      expect(await sessions(one())).to.satisfy((list: string[]) =>
        list.every((line) => !line.includes('established')),
      ),
    )
  })

  async function flows101() {
    const addresses = [CLIENTS[4][0]!, CLIENTS[6][0]!]
    return Promise.all(
      addresses.map(async (address) => ({ by: '101', packets: await sendPackets(one().netns, address) })),
    )
  }
})
