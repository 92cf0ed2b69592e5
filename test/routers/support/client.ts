/** Clients behind two routers: a namespace with a link to each, and the same addresses on both. */
import { ip } from '../../interop/support/link.ts'
import type { RouterNetwork, Site } from '../../interop/support/router-network.ts'

/** Hosts of the networks behind. */
const HOSTS = [10, 11, 12, 13, 14, 15, 16, 17] as const
export const CLIENTS: Readonly<Record<4 | 6, readonly string[]>> = {
  4: HOSTS.map((n) => `192.0.2.${n}`),
  6: HOSTS.map((n) => `2001:db8:7::${n}`),
}

/** Gives the far ends of the routers' `eth1` to `netns`; what is answered there goes out by the last router. */
export function addClients(network: RouterNetwork, netns: string, routers: readonly Site[]): void {
  ip('netns', 'add', netns)
  ip('-n', netns, 'link', 'set', 'lo', 'up')
  for (const [i, site] of routers.entries()) {
    const far = network.behind(site)
    ip('-n', network.hub, 'link', 'set', far, 'netns', netns)
    ip('netns', 'exec', netns, 'sysctl', '-qw', `net.ipv4.conf.${far}.rp_filter=0`)
    ip('-n', netns, 'link', 'set', far, 'up')
    const isLast = i === routers.length - 1
    for (const address of CLIENTS[4])
      ip('-n', netns, 'address', 'add', `${address}/${isLast ? 24 : 32}`, 'dev', far)
    for (const address of CLIENTS[6])
      ip('-n', netns, 'address', 'add', `${address}/${isLast ? 64 : 128}`, 'dev', far, 'nodad')
    if (!isLast) continue
    ip('-n', netns, 'route', 'add', 'default', 'via', '192.0.2.1', 'dev', far)
    ip('-n', netns, 'route', 'add', '::/0', 'via', '2001:db8:7::1', 'dev', far)
  }
}
