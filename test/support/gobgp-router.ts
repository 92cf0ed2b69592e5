/** GoBGP as the router outside the cluster. It has routes in its own table only: nothing is forwarded. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../../lab/command.ts'
import type { AgentCluster } from './agent-cluster.ts'
import type { TestNode } from './agent-network.ts'
import { eventually } from './eventually.ts'
import { CLUSTER_ASN, OutsideRouter, ROUTER } from './outside-router.ts'

export class GobgpRouter extends OutsideRouter {
  /** A peer of `nodes`. */
  static async start(cluster: AgentCluster, nodes: readonly TestNode[]): Promise<GobgpRouter> {
    const router = new GobgpRouter(cluster)
    await router.connect()
    await run('ip', ['-n', router.netns, 'link', 'set', 'lo', 'up'])
    await mkdir(router.directory, { recursive: true })
    const file = join(router.directory, 'gobgpd.toml')
    await writeFile(file, configuration(nodes))
    const command = ['gobgpd', '-f', file, '--pprof-disable', '--api-hosts=127.0.0.1:50051']
    await cluster.processes.start('router-gobgp', command, { netns: router.netns })
    await eventually(() => router.#ask('global'))
    return router
  }

  async learned(): Promise<string[]> {
    const found = await Promise.all(
      ['ipv4', 'ipv6'].map(async (family) => {
        const text = await this.#ask('global', 'rib', '-a', family, '-j')
        return Object.keys(JSON.parse(text || '{}') as object)
      }),
    )
    return found.flat().sort()
  }

  async hears(node: TestNode): Promise<boolean> {
    const text = await this.#ask('neighbor', node.ipv4)
    return /BGP state = ESTABLISHED/i.test(text)
  }

  #ask(...words: readonly string[]): Promise<string> {
    return run('ip', ['netns', 'exec', this.netns, 'gobgp', ...words])
  }
}

function configuration(nodes: readonly TestNode[]): string {
  const family = (of: 4 | 6) => `
    [[neighbors.afi-safis]]
      [neighbors.afi-safis.config]
        afi-safi-name = "ipv${of}-unicast"
      [neighbors.afi-safis.mp-graceful-restart.config]
        enabled = true`
  const neighbor = ({ ipv4 }: TestNode) => `
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${ipv4}"
    peer-as = ${CLUSTER_ASN}
  [neighbors.timers.config]
    connect-retry = 1
    idle-hold-time-after-reset = 1
  [neighbors.graceful-restart.config]
    enabled = true
    notification-enabled = true
    restart-time = 120
${family(4)}${family(6)}`
  return `[global.config]
  as = ${ROUTER.asn}
  router-id = "${ROUTER.ipv4}"
${nodes.map(neighbor).join('')}
`
}
