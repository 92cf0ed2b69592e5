/** A Node of the cluster as the pod network sees it: its prefixes and addresses, checked. */

import { type Family, width } from '@podroute/address/address.ts'
import { type Cidr, containsAddress, hostCidr, parseCidr } from '@podroute/address/cidr.ts'
import { isUnicast } from '@podroute/address/special.ts'
import type { NodeObject } from '@podroute/cluster/objects/node.ts'

export interface ClusterNode {
  readonly name: string
  /** At most one per family (the API allows no more). */
  readonly podCidrs: readonly Cidr[]
  /** Canonical, in the order of the Node's status; the first of a family is the primary one. */
  readonly addresses: readonly { readonly family: Family; readonly text: string }[]
  /** Whether pods run there, and so its agent. */
  readonly ready: boolean
  /** Fields that were skipped, each with its path. */
  readonly problems: readonly string[]
}

/** Bridge, one pod, and the addresses of network and broadcast: host-local takes no smaller prefix. */
const LEAST_HOST_BITS = 2

/** Never throws: a field that cannot be used is skipped and named in `problems`. */
export function parseNode(node: NodeObject): ClusterNode {
  const problems: string[] = []
  const addresses: { family: Family; text: string }[] = []
  for (const text of node.internalIPs) {
    const host = hostCidr(text)
    if (!host) problems.push(`status.addresses: not an address: ${text}`)
    else if (!isUnicast(host)) problems.push(`status.addresses: not for unicast: ${text}`)
    else if (!addresses.some((a) => a.text === host.network))
      addresses.push({ family: host.family, text: host.network })
  }
  const podCidrs: Cidr[] = []
  for (const [i, text] of node.podCIDRs.entries()) {
    const parsed = parseCidr(text)
    const problem = parsed ? prefixProblem(parsed, podCidrs, addresses) : 'not a prefix'
    if (problem !== undefined) problems.push(`spec.podCIDRs[${i}]: ${problem}: ${text}`)
    else podCidrs.push(parsed!)
  }
  return { name: node.name, podCidrs, addresses, ready: node.ready, problems }
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

export function primaryAddress(node: ClusterNode, family: Family): string | undefined {
  return node.addresses.find((address) => address.family === family)?.text
}

export function podCidr(node: ClusterNode, family: Family): Cidr | undefined {
  return node.podCidrs.find((prefix) => prefix.family === family)
}

/**
 * The Node, with the prefixes or addresses that it has none of taken from what it was before. Where the two do not go together (a prefix
 * that holds an address of the Node), both stay as they were.
 */
export function withFieldsOf(node: ClusterNode, before: ClusterNode): ClusterNode {
  const podCidrs = node.podCidrs.length > 0 ? node.podCidrs : before.podCidrs
  const addresses = node.addresses.length > 0 ? node.addresses : before.addresses
  const clash = podCidrs.some((prefix) => addresses.some(({ text }) => containsAddress(prefix, text)))
  return clash
    ? { ...node, podCidrs: before.podCidrs, addresses: before.addresses }
    : { ...node, podCidrs, addresses }
}

/** Whether the two have the same prefixes and addresses. */
export function sameNetwork(a: ClusterNode, b: ClusterNode): boolean {
  return networkText(a) === networkText(b)
}

/** Whether they have the same problems as well. */
export function sameFields(a: ClusterNode, b: ClusterNode): boolean {
  return sameNetwork(a, b) && a.problems.join() === b.problems.join()
}

function networkText(node: ClusterNode): string {
  return [...node.podCidrs.map((c) => c.text), '|', ...node.addresses.map((a) => a.text)].join(' ')
}
