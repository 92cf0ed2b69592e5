/** Checks of what routes and routers have to do for pods of other nodes. */
import { containsAddress, parseCidr } from '@podroute/address/cidr.ts'
import { type Check, checkOf, fail, OK, unknown, warn } from '../check.ts'
import type { Facts, RouteFacts } from '../facts.ts'

const agentOf = ({ agent }: Facts) => agent

/** Whether the longest route to it names a gateway: a node has to be on a common link to be one. */
function isBehindGateway(address: string, routes: readonly RouteFacts[]): boolean {
  let longest: { readonly length: number; readonly gateway: boolean } | undefined
  for (const { destination, gateway } of routes) {
    const cidr = parseCidr(destination)
    if (cidr && containsAddress(cidr, address) && (!longest || cidr.length > longest.length))
      longest = { length: cidr.length, gateway }
  }
  return longest?.gateway === true
}

export const ROUTING_CHECKS: readonly Check[] = [
  checkOf(
    'node-subnets',
    'routes of Node objects lead to nodes on a common link',
    agentOf,
    ({ routing }, facts) => {
      if (routing !== 'api') return OK
      const { cluster, routes } = facts
      if ('unknown' in cluster) return unknown(cluster.unknown)
      if ('unknown' in routes) return unknown(routes.unknown)
      const far = cluster.value.nodes.filter(({ addresses }) =>
        addresses.some((address) => isBehindGateway(address, routes.value)),
      )
      if (far.length === 0) return OK
      const names = far.slice(0, 3).map(({ name }) => name)
      return fail(
        `${names.join(', ')}${far.length > 3 ? ` and ${far.length - 3} more` : ''} are behind a router, which knows no pods`,
        'let nodes speak BGP, also to that router (routing: bgp, peers), or give it routes to their podCIDRs',
      )
    },
  ),
  checkOf('router-restarts', 'routers keep routes while an agent restarts', agentOf, ({ routers = [] }) => {
    const without = routers.filter(({ established, gracefulRestart }) => established && !gracefulRestart)
    return without.length === 0
      ? OK
      : warn(
          `${without.map(({ name }) => name).join(', ')} drop the routes of this node at each restart of its agent`,
          'switch graceful restart on there (RFC 4724; docs/routers.md)',
        )
  }),
]
