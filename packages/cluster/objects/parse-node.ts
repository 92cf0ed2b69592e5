/** A Node of the API to its prefixes and addresses; what cannot be used is skipped and reported. */
import { type Family, width } from '@podroute/address/address.ts'
import { type Cidr, containsAddress, hostCidr, parseCidr } from '@podroute/address/cidr.ts'
import { isUnicast } from '@podroute/address/special.ts'
import { exact } from './fields.ts'
import type { ClusterNode, NodeObject } from './node.ts'
import type { FieldProblem } from './problem.ts'

/** Bridge, one pod, and the addresses of network and broadcast: host-local takes no smaller prefix. */
const LEAST_HOST_BITS = 2

/** Never throws: a field that cannot be used is skipped and named in `problems`. */
export function parseNode(node: NodeObject): ClusterNode {
  const problems: FieldProblem[] = []
  const addresses: { family: Family; text: string }[] = []
  for (const text of node.internalIPs) {
    const host = hostCidr(text)
    if (!host) problems.push({ path: 'status.addresses', reason: `not an address: ${text}` })
    else if (!isUnicast(host)) problems.push({ path: 'status.addresses', reason: `not for unicast: ${text}` })
    else if (!addresses.some((a) => a.text === host.network))
      addresses.push({ family: host.family, text: host.network })
  }
  const podCidrs: Cidr[] = []
  for (const [i, text] of node.podCIDRs.entries()) {
    const parsed = parseCidr(text)
    const problem = parsed ? prefixProblem(parsed, podCidrs, addresses) : 'not a prefix'
    if (problem !== undefined) problems.push({ path: `spec.podCIDRs[${i}]`, reason: `${problem}: ${text}` })
    else podCidrs.push(parsed!)
  }
  const { name, ready, zone = '', leaving = false, created = 0 } = node
  return { name, podCidrs, addresses, ready, zone, leaving, created, problems: exact(problems) }
}

function prefixProblem(
  prefix: Cidr,
  others: readonly Cidr[],
  addresses: ClusterNode['addresses'],
): string | undefined {
  if (prefix.length === 0) return 'the whole address space'
  if (!isUnicast(prefix)) return 'not for unicast'
  if (width(prefix.family) - prefix.length < LEAST_HOST_BITS) return 'too small for pods'
  if (others.some((c) => c.family === prefix.family)) return 'a second prefix of its family'
  const own = addresses.find((address) => containsAddress(prefix, address.text))
  return own && `holds the Node's own address ${own.text}`
}
