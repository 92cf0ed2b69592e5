/** A router outside the cluster for an AgentCluster: FRR in a namespace of its own, with a client in another one behind it. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { attempt, run } from '../../lab/command.ts'
import type { AgentCluster } from './agent-cluster.ts'
import type { TestNode } from './agent-network.ts'

export const ROUTER = { ipv4: '172.31.0.100', ipv6: 'fd31::100', asn: 65000 } as const
export const CLIENT = { ipv4: '192.0.2.10', ipv6: '2001:db8:7::10' } as const
/** The client's networks, which the router announces. */
export const CLIENT_PREFIXES = ['192.0.2.0/24', '2001:db8:7::/64'] as const

const DAEMONS = '/usr/lib/frr'
const CLUSTER_ASN = 64512

export class FrrRouter implements AsyncDisposable {
  readonly netns: string
  readonly client: string
  readonly #cluster: AgentCluster

  private constructor(cluster: AgentCluster) {
    this.#cluster = cluster
    this.netns = `${cluster.network}-r`
    this.client = `${cluster.network}-c`
  }

  /** A peer of `nodes`; it announces the client's networks and `more`. */
  static async start(
    cluster: AgentCluster,
    nodes: readonly TestNode[],
    more: readonly string[] = [],
  ): Promise<FrrRouter> {
    const router = new FrrRouter(cluster)
    await router.#connect()
    await router.#startDaemons(configuration(nodes, [...CLIENT_PREFIXES, ...more]))
    return router
  }

  async vtysh(...commands: readonly string[]): Promise<string> {
    return run('vtysh', ['--vty_socket', this.#directory, ...commands.flatMap((command) => ['-c', command])])
  }

  /** Prefixes that it has from the nodes and uses, of both families, sorted. */
  async learned(): Promise<string[]> {
    const found = await Promise.all(
      (['ipv4', 'ipv6'] as const).map(async (family) => {
        const text = await this.vtysh(`show bgp ${family} unicast json`)
        const { routes = {} } = JSON.parse(text) as { routes?: Record<string, { path: string }[]> }
        return Object.entries(routes).filter(([, paths]) => paths.some(({ path }) => path !== ''))
      }),
    )
    return found
      .flat()
      .map(([prefix]) => prefix)
      .sort()
  }

  /** Prefixes that it tells this node. */
  async told(node: TestNode): Promise<string[]> {
    const found = await Promise.all(
      (['ipv4', 'ipv6'] as const).map(async (family) => {
        const text = await this.vtysh(
          `show bgp ${family} unicast neighbors ${node.ipv4} advertised-routes json`,
        )
        const { advertisedRoutes = {} } = JSON.parse(text) as { advertisedRoutes?: Record<string, unknown> }
        return Object.keys(advertisedRoutes)
      }),
    )
    return found.flat().sort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster.processes.stop((name) => name.startsWith('router-'))
    for (const netns of [this.client, this.netns]) await attempt('ip', ['netns', 'delete', netns])
  }

  get #directory(): string {
    return join(this.#cluster.directory, 'router')
  }

  async #connect(): Promise<void> {
    const { network } = this.#cluster
    for (const netns of [this.netns, this.client]) {
      await attempt('ip', ['netns', 'delete', netns])
      await run('ip', ['netns', 'add', netns])
    }
    await batch(network, [
      `link add portr type veth peer name eth0 netns ${this.netns}`,
      'link set portr master nodes up',
    ])
    await batch(this.netns, [
      'link set lo up',
      `address add ${ROUTER.ipv4}/24 dev eth0`,
      `address add ${ROUTER.ipv6}/64 dev eth0 nodad`,
      'link set eth0 up',
      `link add eth1 type veth peer name eth0 netns ${this.client}`,
      'address add 192.0.2.1/24 dev eth1',
      'address add 2001:db8:7::1/64 dev eth1 nodad',
      'link set eth1 up',
    ])
    await batch(this.client, [
      'link set lo up',
      `address add ${CLIENT.ipv4}/24 dev eth0`,
      `address add ${CLIENT.ipv6}/64 dev eth0 nodad`,
      'link set eth0 up',
      'route add default via 192.0.2.1',
      'route add ::/0 via 2001:db8:7::1',
    ])
    for (const name of ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'])
      await run('ip', ['netns', 'exec', this.netns, 'sysctl', '-qw', `${name}=1`])
  }

  async #startDaemons(bgpd: string): Promise<void> {
    const folder = this.#directory
    await mkdir(folder, { recursive: true })
    await run('chmod', ['a+x', this.#cluster.directory]) // the daemons give up root
    await run('chown', ['frr:frr', folder])
    for (const daemon of ['zebra', 'bgpd']) {
      const file = join(folder, `${daemon}.conf`)
      await writeFile(file, daemon === 'bgpd' ? bgpd : 'log stdout informational\n')
      const options = ['-f', file, '-z', join(folder, 'zserv.api'), '-i', join(folder, `${daemon}.pid`)]
      const command = [join(DAEMONS, daemon), ...options, '--vty_socket', folder]
      await this.#cluster.processes.start(`router-${daemon}`, command, { netns: this.netns })
    }
  }
}

function configuration(nodes: readonly TestNode[], announced: readonly string[]): string {
  const family = (of: 4 | 6) => ` address-family ipv${of} unicast
${announced
  .filter((prefix) => prefix.includes(':') === (of === 6))
  .map((prefix) => `  network ${prefix}`)
  .join('\n')}
  neighbor NODES activate
  neighbor NODES route-map next-hops out
 exit-address-family`
  // What it says of itself does not depend on when zebra tells it of its addresses.
  return `frr defaults datacenter
route-map next-hops permit 10
 set ip next-hop ${ROUTER.ipv4}
 set ipv6 next-hop global ${ROUTER.ipv6}
log stdout informational
router bgp ${ROUTER.asn}
 bgp router-id ${ROUTER.ipv4}
 bgp graceful-restart
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor NODES peer-group
 neighbor NODES remote-as ${CLUSTER_ASN}
 neighbor NODES timers connect 1
${nodes.map(({ ipv4 }) => ` neighbor ${ipv4} peer-group NODES`).join('\n')}
${family(4)}
${family(6)}
`
}

async function batch(netns: string, lines: readonly string[]): Promise<void> {
  await run('ip', ['-n', netns, '-batch', '-'], { input: `${lines.join('\n')}\n` })
}
