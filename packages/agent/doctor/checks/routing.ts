/** Checks of what routes and routers have to do for pods of other nodes. */
import { containsAddress, parseCidr } from '@podroute/address/cidr.ts'
import { type Check, checkOf, fail, OK, unknown, warn } from '../check.ts'
import type { Facts, PathFacts, RouteFacts } from '../facts.ts'

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

/** Why large packets do not get there where small ones do; undefined: they do, or nothing is known of it. */
function lost({ node, address, size, small, large }: PathFacts): string | undefined {
  if (small.kind !== 'arrived' || large.kind === 'arrived') return undefined
  const to = `packets of ${size} bytes to ${node} (${address})`
  if (large.kind === 'too-large') return `${to} are too large for a link that takes ${large.mtu}`
  return large.kind === 'silent' ? `${to} are lost without a word` : `${to}: ${large.problem}`
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
  checkOf(
    'path-mtu',
    'packets as large as those of pods get to other nodes',
    ({ paths }) => paths,
    (paths) => {
      const problems = paths.flatMap((path) => lost(path) ?? [])
      const [first] = problems
      if (first !== undefined)
        return fail(
          problems.length > 1 ? `${first}, and ${problems.length - 1} more such ways` : first,
          'give all links between nodes the MTU of the bridge, or set the pods’ mtu to what they take and start the pods anew',
        )
      const answered = paths.some(({ small }) => small.kind === 'arrived')
      return paths.length === 0 || answered
        ? OK
        : unknown('no other node answers: their firewalls may drop what nobody waits for (UDP port 33434)')
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
