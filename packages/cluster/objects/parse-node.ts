/** A Node of the API to its prefixes and addresses; what cannot be used is skipped and reported. */
import { width } from '@podroute/address/address.ts'
import { type Cidr, containsAddress, hostCidr, parseCidr } from '@podroute/address/cidr.ts'
import { isUnicast } from '@podroute/address/special.ts'
import { exact } from './fields.ts'
import type { ClusterNode, NodeAddress, NodeObject } from './node.ts'
import type { FieldProblem } from './problem.ts'

/** Bridge, one pod, and the addresses of network and broadcast: host-local takes no smaller prefix. */
const LEAST_HOST_BITS = 2

/** Never throws: a field that cannot be used is skipped and named in `problems`. */
export function parseNode(node: NodeObject): ClusterNode {
  const problems: FieldProblem[] = []
  const addressesByType = {
    InternalIP: parseAddresses(node.internalIPs, problems),
    ExternalIP: parseAddresses(node.externalIPs ?? [], problems),
  }
  const { InternalIP, ExternalIP } = addressesByType
  const podCidrs: Cidr[] = []
  for (const [i, text] of node.podCIDRs.entries()) {
    const parsed = parseCidr(text)
    const problem = parsed ? podCidrProblem(parsed, podCidrs, [...InternalIP, ...ExternalIP]) : 'not a prefix'
    if (problem !== undefined) problems.push({ path: `spec.podCIDRs[${i}]`, reason: `${problem}: ${text}` })
    else podCidrs.push(parsed!)
  }
  const { name, ready, zone = '', leaving = false, created = 0 } = node
  const { networkUnavailable } = node
  const { ending, labels = {}, annotations = {}, unschedulable = false, taints = [] } = node
  const addresses = InternalIP.length > 0 ? InternalIP : ExternalIP
  return {
    ...{ name, podCidrs, addresses, addressesByType, ready, zone, leaving, created },
    ...(ending === undefined ? {} : { ending }),
    ...(networkUnavailable === undefined ? {} : { networkUnavailable }),
    ...{ labels, annotations, unschedulable, taints },
    problems: exact(problems),
  }
}

function parseAddresses(texts: readonly string[], problems: FieldProblem[]): NodeAddress[] {
  const addresses: NodeAddress[] = []
  for (const text of texts) {
    const host = hostCidr(text)
    if (!host) problems.push({ path: 'status.addresses', reason: `not an address: ${text}` })
    else if (!isUnicast(host)) problems.push({ path: 'status.addresses', reason: `not for unicast: ${text}` })
    else if (!addresses.some((a) => a.text === host.network))
      addresses.push({ family: host.family, text: host.network })
  }
  return addresses
}

/** Why a prefix cannot be one of a Node's pods; undefined: it can. */
export function podCidrProblem(
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
