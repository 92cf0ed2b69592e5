/** FRR as the router outside the cluster. */
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../../lab/command.ts'
import type { AgentCluster } from './agent-cluster.ts'
import type { TestNode } from './agent-network.ts'
import { eventually } from './eventually.ts'
import { CLIENT_PREFIXES, CLUSTER_ASN, OutsideRouter, ROUTER } from './outside-router.ts'

const DAEMONS = '/usr/lib/frr'
/** Milliseconds for a daemon to find zebra. */
const STARTS = 30_000

/** How it watches the paths to nodes by BFD; `check-control-plane-failure`: it minds that a node's agent is what speaks BFD there (RFC 5882 section 4.3). */
export type FrrBfd = 'bfd' | 'bfd check-control-plane-failure'

export class FrrRouter extends OutsideRouter {
  /** A peer of `nodes`; it announces the client's networks and `more`. */
  static async start(
    cluster: AgentCluster,
    nodes: readonly TestNode[],
    more: readonly string[] = [],
    bfd?: FrrBfd,
  ): Promise<FrrRouter> {
    const router = new FrrRouter(cluster)
    await router.connect()
    await router.#startDaemons(configuration(nodes, [...CLIENT_PREFIXES, ...more], bfd))
    return router
  }

  async vtysh(...commands: readonly string[]): Promise<string> {
    return run('vtysh', ['--vty_socket', this.directory, ...commands.flatMap((command) => ['-c', command])])
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

  async hears(node: TestNode): Promise<boolean> {
    const text = await this.vtysh(`show bgp neighbors ${node.ipv4} json`)
    return text.includes('"bgpState":"Established"')
  }

  async #startDaemons(bgpd: string): Promise<void> {
    const folder = this.directory
    await mkdir(folder, { recursive: true })
    await run('chmod', ['a+x', this.cluster.directory]) // the daemons give up root
    await run('chown', ['frr:frr', folder])
    // Each finds the ones before it: a daemon that does not find zebra tries again after ten seconds, and what bgpd asks of bfdd before that is lost.
    for (const daemon of ['zebra', 'bfdd', 'bgpd']) {
      const file = join(folder, `${daemon}.conf`)
      await writeFile(file, daemon === 'bgpd' ? bgpd : 'log stdout informational\n')
      const options = ['-f', file, '-z', join(folder, 'zserv.api'), '-i', join(folder, `${daemon}.pid`)]
      if (daemon === 'bfdd') options.push('--bfdctl', join(folder, 'bfdd.sock'))
      const command = [join(DAEMONS, daemon), ...options, '--vty_socket', folder]
      await this.cluster.processes.start(`router-${daemon}`, command, { netns: this.netns })
      if (daemon === 'zebra') await eventually(() => existsSync(join(folder, 'zserv.api')), STARTS)
      if (daemon === 'bfdd') await eventually(() => this.#watchesPaths(), STARTS)
    }
  }

  async #watchesPaths(): Promise<boolean> {
    return /^bfd\s/m.test(await this.vtysh('show zebra client summary'))
  }
}

function configuration(nodes: readonly TestNode[], announced: readonly string[], bfd?: FrrBfd): string {
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
${bfd ? ` neighbor NODES bfd\n${bfd === 'bfd' ? '' : ` neighbor NODES ${bfd}\n`}` : ''}${nodes.map(({ ipv4 }) => ` neighbor ${ipv4} peer-group NODES`).join('\n')}
${family(4)}
${family(6)}
`
}
