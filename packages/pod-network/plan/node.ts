/** A Node of the cluster as the pod network sees it: its prefixes and addresses, checked. */
import { type Cidr, type Family, parseAddress, parseCidr } from './cidr.ts'

/** What is kept of a Kubernetes Node object. */
export interface NodeObject {
  readonly name: string
  /** spec.podCIDRs */
  readonly podCIDRs: readonly string[]
  /** status.addresses of type InternalIP, in their order. */
  readonly internalIPs: readonly string[]
  /** Whether its condition Ready is True. */
  readonly ready: boolean
}

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

/** Never throws: a field that is no prefix or address is skipped and named in `problems`. */
export function parseNode(node: NodeObject): ClusterNode {
  const problems: string[] = []
  const podCidrs: Cidr[] = []
  for (const [i, text] of node.podCIDRs.entries()) {
    const parsed = parseCidr(text)
    if (!parsed) problems.push(`spec.podCIDRs[${i}]: not a prefix: ${text}`)
    else if (parsed.length === 0) problems.push(`spec.podCIDRs[${i}]: the whole address space: ${text}`)
    else if (podCidrs.some((c) => c.family === parsed.family))
      problems.push(`spec.podCIDRs[${i}]: a second prefix of its family: ${text}`)
    else podCidrs.push(parsed)
  }
  const addresses: { family: Family; text: string }[] = []
  for (const text of node.internalIPs) {
    const parsed = parseAddress(text)
    if (!parsed) problems.push(`status.addresses: not an address: ${text}`)
    else if (!addresses.some((a) => a.text === parsed.text)) addresses.push(parsed)
  }
  return { name: node.name, podCidrs, addresses, ready: node.ready, problems }
}

export function primaryAddress(node: ClusterNode, family: Family): string | undefined {
  return node.addresses.find((address) => address.family === family)?.text
}

export function podCidr(node: ClusterNode, family: Family): Cidr | undefined {
  return node.podCidrs.find((prefix) => prefix.family === family)
}
