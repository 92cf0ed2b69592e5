/** OpenBGPD as the router outside the cluster. On Linux it leaves the kernel's routes alone: nothing is forwarded. */
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { attempt, run } from '../../lab/command.ts'
import type { AgentCluster } from './agent-cluster.ts'
import type { TestNode } from './agent-network.ts'
import { eventually } from './eventually.ts'
import { CLUSTER_ASN, OutsideRouter, ROUTER } from './outside-router.ts'

/** The home of Debian's user _openbgpd, in which its processes lock themselves; it must be root's. */
const CHROOT = '/run/openbgpd'

export class OpenBgpdRouter extends OutsideRouter {
  /** A peer of `nodes`. */
  static async start(cluster: AgentCluster, nodes: readonly TestNode[]): Promise<OpenBgpdRouter> {
    const router = new OpenBgpdRouter(cluster)
    await router.connect()
    await mkdir(CHROOT, { recursive: true, mode: 0o755 })
    await mkdir(router.directory, { recursive: true })
    const file = join(router.directory, 'openbgpd.conf')
    await writeFile(file, configuration(nodes, router.#socket))
    await chmod(file, 0o600)
    await cluster.processes.start('router-openbgpd', ['/usr/sbin/bgpd', '-d', '-f', file], {
      netns: router.netns,
    })
    await eventually(() => router.#ask('show'))
    return router
  }

  async learned(): Promise<string[]> {
    const { rib = [] } = JSON.parse(await this.#ask('show', 'rib')) as { rib?: { prefix: string }[] }
    return [...new Set(rib.map(({ prefix }) => prefix))].sort()
  }

  async hears(node: TestNode): Promise<boolean> {
    return (await this.#ask('show', 'neighbor', node.ipv4)).includes('"Established"')
  }

  override async isSettled(): Promise<boolean> {
    // Its JSON does not say so.
    return !(await run('bgpctl', ['-s', this.#socket, '-n', 'show', 'rib', 'detail'])).includes(', stale')
  }

  override async retry(node: TestNode): Promise<void> {
    // Refused where there is nothing to try.
    await attempt('bgpctl', ['-s', this.#socket, 'neighbor', node.ipv4, 'up'])
  }

  #ask(...words: readonly string[]): Promise<string> {
    return run('bgpctl', ['-s', this.#socket, '-j', '-n', ...words])
  }

  get #socket(): string {
    return join(this.directory, 'bgpd.sock')
  }
}

function configuration(nodes: readonly TestNode[], socket: string): string {
  const neighbor = ({ ipv4 }: TestNode) => `
neighbor ${ipv4} {
  remote-as ${CLUSTER_ASN}
  local-address ${ROUTER.ipv4}
  announce IPv4 unicast
  announce IPv6 unicast
  announce restart yes
}`
  return `AS ${ROUTER.asn}
router-id ${ROUTER.ipv4}
fib-update no
connect-retry 1
socket "${socket}"
listen on ${ROUTER.ipv4}
${nodes.map(neighbor).join('')}
allow from any
allow to any
`
}
