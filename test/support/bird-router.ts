/** BIRD as the router outside the cluster. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../../lab/command.ts'
import type { AgentCluster } from './agent-cluster.ts'
import type { TestNode } from './agent-network.ts'
import { CLIENT_PREFIXES, CLUSTER_ASN, OutsideRouter, ROUTER } from './outside-router.ts'

/** `graceful`: what BFD finds dead is taken for an agent that restarts. */
export type BirdBfd = 'off' | 'on' | 'graceful'

export class BirdRouter extends OutsideRouter {
  /** A peer of `nodes`; it announces the client's networks. */
  static async start(
    cluster: AgentCluster,
    nodes: readonly TestNode[],
    bfd: BirdBfd = 'off',
  ): Promise<BirdRouter> {
    const router = new BirdRouter(cluster)
    await router.connect()
    await mkdir(router.directory, { recursive: true })
    const file = join(router.directory, 'bird.conf')
    await writeFile(file, configuration(nodes, bfd))
    const command = ['bird', '-f', '-c', file, '-s', router.#socket]
    await cluster.processes.start('router-bird', command, { netns: router.netns })
    return router
  }

  async learned(): Promise<string[]> {
    const routes = await this.#ask('show', 'route', 'where', 'source', '=', 'RTS_BGP')
    return [...routes.matchAll(/^(\S+\/\d+) /gm)].map(([, prefix]) => prefix!).sort()
  }

  async hears(node: TestNode): Promise<boolean> {
    return (await this.#ask('show', 'protocols', nameOf(node))).includes('Established')
  }

  #ask(...words: readonly string[]): Promise<string> {
    return run('birdc', ['-s', this.#socket, ...words])
  }

  get #socket(): string {
    return join(this.directory, 'bird.ctl')
  }
}

const nameOf = (node: TestNode) => node.name.replace('-', '_')

function configuration(nodes: readonly TestNode[], bfd: BirdBfd): string {
  const [prefix4, prefix6] = CLIENT_PREFIXES
  const family = (of: 4 | 6, prefix: string) => `
protocol kernel kernel${of} { ipv${of} { export where source = RTS_BGP; }; }
protocol static static${of} { ipv${of}; route ${prefix} blackhole; }`
  const channel = (of: 4 | 6) => `
  ipv${of} { import all; export where source = RTS_STATIC; next hop address ${of === 4 ? ROUTER.ipv4 : ROUTER.ipv6}; };`
  return `log stderr all;
router id ${ROUTER.ipv4};
protocol device {}
protocol bfd { interface "*" { interval 300 ms; multiplier 3; }; }
${family(4, prefix4)}
${family(6, prefix6)}
${nodes
  .map(
    (node) => `protocol bgp ${nameOf(node)} {
  local ${ROUTER.ipv4} as ${ROUTER.asn};
  neighbor ${node.ipv4} as ${CLUSTER_ASN};
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  graceful restart on; bfd ${bfd};
  ${channel(4)}
  ${channel(6)}
}`,
  )
  .join('\n')}
`
}
