/** Checks of the cluster as this node sees it: addresses and ranges of nodes, clocks, the API server. */
import { type Cidr, containsAddress, overlaps, parseCidr } from '@podroute/address/cidr.ts'
import { type Check, checkOf, fail, OK, type Outcome, unknown, warn } from '../check.ts'
import type { ClusterFacts, Facts } from '../facts.ts'

const clusterOf = ({ cluster }: Facts) => cluster

interface Range {
  readonly owner: string
  readonly cidr: Cidr
}

function podRanges({ nodes }: ClusterFacts): readonly Range[] {
  return nodes.flatMap(({ name, podCIDRs }) =>
    podCIDRs.flatMap((text) => {
      const cidr = parseCidr(text)
      return cidr ? [{ owner: name, cidr }] : []
    }),
  )
}

/** In the order of addresses only neighbours can overlap: nothing grows with the square of the nodes. */
function overlapping(ranges: readonly Range[]): readonly string[] {
  const sorted = ranges.toSorted(
    (a, b) => Buffer.compare(bytesOf(a), bytesOf(b)) || a.cidr.length - b.cidr.length,
  )
  const found: string[] = []
  let widest: Range | undefined
  for (const range of sorted) {
    if (widest && overlaps(widest.cidr, range.cidr))
      found.push(`${widest.cidr.text} (${widest.owner}) and ${range.cidr.text} (${range.owner})`)
    else widest = range
  }
  return found
}

const bytesOf = ({ cidr }: Range) => Buffer.from([cidr.family, ...cidr.bytes])

function some(problems: readonly string[], todo: string): Outcome {
  if (problems.length === 0) return OK
  const more = problems.length > 3 ? `, and ${problems.length - 3} more` : ''
  return fail(`${problems.slice(0, 3).join('; ')}${more}`, todo)
}

function repeated(entries: readonly (readonly [key: string, owner: string])[]): readonly string[] {
  const owners = new Map<string, string[]>()
  for (const [key, owner] of entries) owners.set(key, [...(owners.get(key) ?? []), owner])
  return [...owners]
    .filter(([, all]) => all.length > 1)
    .map(([key, all]) => `${key} is of ${all.join(' and ')}`)
}

export const CLUSTER_CHECKS: readonly Check[] = [
  checkOf('api-server', 'the API server answers', clusterOf, () => OK),
  checkOf('clock', 'the node’s clock is the API server’s', clusterOf, ({ skewSeconds }) => {
    const off = Math.abs(skewSeconds)
    const problem = `the clocks are ${off} s apart: the API server’s is ${skewSeconds > 0 ? 'ahead' : 'behind'}`
    const todo = 'let both follow the same time servers (timedatectl, chronyc tracking)'
    if (off >= 300) return fail(problem, todo)
    return off >= 5 ? warn(problem, todo) : OK
  }),
  checkOf('node-name', 'the API server has a Node of this name', clusterOf, ({ nodes }, { nodeName }) => {
    if (nodeName === undefined) return unknown('no name is given (NODE_NAME, --node-name)')
    if (nodes.some(({ name }) => name === nodeName)) return OK
    return fail(
      `there is no Node ${nodeName}`,
      'give the agent the kubelet’s own name (--node-name, NODE_NAME)',
    )
  }),
  checkOf('pod-ranges', 'every Node has a podCIDR', clusterOf, ({ nodes }) =>
    some(
      nodes.filter(({ podCIDRs }) => podCIDRs.length === 0).map(({ name }) => `${name} has no podCIDR`),
      'run the controller manager with --allocate-node-cidrs and a --cluster-cidr that has room for all nodes',
    ),
  ),
  checkOf('pod-ranges-overlap', 'podCIDRs of Nodes do not overlap', clusterOf, (cluster) =>
    some(
      overlapping(podRanges(cluster)),
      'let one hand give them out: the controller manager, for Nodes that are made anew',
    ),
  ),
  checkOf('pod-and-service-ranges', 'no podCIDR overlaps a range of Services', clusterOf, (cluster) => {
    const services = cluster.serviceCIDRs.flatMap((text) => parseCidr(text) ?? [])
    const problems = podRanges(cluster).flatMap(({ owner, cidr }) =>
      services
        .filter((range) => overlaps(range, cidr))
        .map((range) => `${cidr.text} (${owner}) and ${range.text}`),
    )
    return some(problems, 'choose --cluster-cidr and --service-cluster-ip-range apart from each other')
  }),
  checkOf('pod-ranges-and-nodes', 'no podCIDR holds an address of a Node', clusterOf, (cluster) => {
    const addresses = cluster.nodes.flatMap((node) =>
      node.addresses.map((address) => ({ address, name: node.name })),
    )
    const problems = podRanges(cluster).flatMap(({ owner, cidr }) =>
      addresses
        .filter(({ address }) => containsAddress(cidr, address))
        .map(({ address, name }) => `${cidr.text} (${owner}) holds ${address} of ${name}`),
    )
    return some(problems, 'choose a --cluster-cidr that is apart from the network of the nodes')
  }),
  checkOf('node-addresses', 'no two Nodes have one address', clusterOf, ({ nodes }) =>
    some(
      repeated(nodes.flatMap(({ name, addresses }) => addresses.map((address) => [address, name] as const))),
      'delete the Node that is gone, or give one of the two another address',
    ),
  ),
  checkOf('node-families', 'every Node has an address of each family of its pods', clusterOf, ({ nodes }) => {
    const family = (text: string) => (text.includes(':') ? 'IPv6' : 'IPv4')
    const problems = nodes.flatMap(({ name, podCIDRs, addresses }) =>
      [...new Set(podCIDRs.map(family))]
        .filter((wanted) => addresses.length > 0 && !addresses.some((address) => family(address) === wanted))
        .map((wanted) => `${name} has no ${wanted} address`),
    )
    return some(problems, 'give the kubelet addresses of both families (--node-ip)')
  }),
]
