/** A router outside the cluster for an AgentCluster: a namespace of its own, with a client in another one behind it. */
import { join } from 'node:path'
import { attempt, run } from '../../lab/command.ts'
import type { AgentCluster } from './agent-cluster.ts'
import type { TestNode } from './agent-network.ts'

export const ROUTER = { ipv4: '172.31.0.100', ipv6: 'fd31::100', asn: 65000 } as const
export const CLIENT = { ipv4: '192.0.2.10', ipv6: '2001:db8:7::10' } as const
/** The client's networks, which the router announces. */
export const CLIENT_PREFIXES = ['192.0.2.0/24', '2001:db8:7::/64'] as const
export const CLUSTER_ASN = 64512
/** The same of every router, as nodes remember it for half a minute. */
const MAC = '02:00:00:00:01:00'

export abstract class OutsideRouter implements AsyncDisposable {
  readonly netns: string
  readonly client: string
  protected readonly cluster: AgentCluster

  protected constructor(cluster: AgentCluster) {
    this.cluster = cluster
    this.netns = `${cluster.network}-r`
    this.client = `${cluster.network}-c`
  }

  /** Prefixes that it has from the nodes and uses, of both families, sorted. */
  abstract learned(): Promise<string[]>

  /** Whether it has a session with this node. */
  abstract hears(node: TestNode): Promise<boolean>

  /** Whether no restart of a node is under way for it: one that ends in the midst of a restart is forgotten (RFC 4724). */
  async isSettled(): Promise<boolean> {
    return true
  }

  /** Has it try a session that ended at once, where it would wait longer and longer. */
  async retry(_node: TestNode): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster.processes.stop((name) => name.startsWith('router-'))
    // The kernel removes the links of a namespace some time after it.
    await attempt('ip', ['-n', this.cluster.network, 'link', 'delete', 'portr'])
    for (const netns of [this.client, this.netns]) await attempt('ip', ['netns', 'delete', netns])
  }

  protected get directory(): string {
    return join(this.cluster.directory, 'router')
  }

  protected async connect(): Promise<void> {
    const { network } = this.cluster
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
      `link set eth0 address ${MAC}`,
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
}

async function batch(netns: string, lines: readonly string[]): Promise<void> {
  await run('ip', ['-n', netns, '-batch', '-'], { input: `${lines.join('\n')}\n` })
}
