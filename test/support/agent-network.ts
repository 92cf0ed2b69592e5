/** The network of an AgentCluster: one namespace with a bridge and the control plane, one for each node on it. */
import { attempt, run } from '../../lab/command.ts'

export type Family = 4 | 6
export const BOTH: readonly Family[] = [4, 6]

/** The address of the bridge of cluster number `n`, which its API server listens on; by IPv6 for nodes that have IPv6 alone. */
export function controlPlaneAddress(n: number, family: Family): string {
  return family === 4 ? `172.31.0.${n}` : `fd31::${n}`
}
export const CONTROL_PLANE_ADDRESS = controlPlaneAddress(1, 4)
export const CONTROL_PLANE_ADDRESS_V6 = controlPlaneAddress(1, 6)

/**
 * The bridge's own. Without one of its own a bridge has the lowest MAC of its ports: one that comes or goes may change it, and then
 * nodes that know the API server by the one before do not reach it for some 40 s.
 */
const bridgeMac = (n: number) => `02:00:00:00:00:0${n}`

export interface TestNode {
  readonly name: string
  /** Those that it has addresses of. */
  readonly families: readonly Family[]
  readonly netns: string
  readonly ipv4: string
  readonly ipv6: string
}

/** The network of cluster number `n`. Removes what an earlier run left. */
export async function makeNetwork(network: string, n = 1): Promise<void> {
  await attempt('ip', ['netns', 'delete', network])
  await run('ip', ['netns', 'add', network])
  await batch(network, [
    'link set lo up',
    `link add nodes address ${bridgeMac(n)} type bridge forward_delay 0`,
    `address add ${controlPlaneAddress(n, 4)}/24 dev nodes`,
    `address add ${controlPlaneAddress(n, 6)}/64 dev nodes nodad`,
    'link set nodes up',
  ])
}

/** Makes one network of those of two clusters. */
export async function connectNetworks(one: string, other: string): Promise<void> {
  await batch(one, [
    `link add beside type veth peer name beside netns ${other}`,
    'link set beside master nodes up',
  ])
  await batch(other, ['link set beside master nodes up'])
}

/** The namespace of node number `n`, with addresses of these families. */
export async function joinNetwork(
  network: string,
  n: number,
  families = BOTH,
  gateway = CONTROL_PLANE_ADDRESS,
): Promise<TestNode> {
  const node = {
    ...{ name: `node-${n}`, netns: `${network}-${n}`, families },
    ...{ ipv4: `172.31.0.1${n}`, ipv6: `fd31::1${n}` },
  }
  await attempt('ip', ['netns', 'delete', node.netns])
  await run('ip', ['netns', 'add', node.netns])
  await batch(network, [
    `link add port${n} type veth peer name eth0 netns ${node.netns}`,
    `link set port${n} master nodes up`,
  ])
  const addresses = { 4: `${node.ipv4}/24 dev eth0`, 6: `${node.ipv6}/64 dev eth0 nodad` }
  await batch(node.netns, [
    'link set lo up',
    ...families.map((family) => `address add ${addresses[family]}`),
    'link set eth0 up',
    ...(families.includes(4) ? [`route add default via ${gateway}`] : []),
  ])
  return node
}

/** The addresses that it has. */
export function addressesOf({ families, ipv4, ipv6 }: TestNode): string[] {
  return families.map((family) => (family === 4 ? ipv4 : ipv6))
}

export async function removeNetwork(network: string, nodes: readonly TestNode[]): Promise<void> {
  for (const netns of [...nodes.map((node) => node.netns), network]) {
    await attempt('ip', ['netns', 'delete', netns])
  }
}

async function batch(netns: string, lines: readonly string[]): Promise<void> {
  await run('ip', ['-n', netns, '-batch', '-'], { input: `${lines.join('\n')}\n` })
}
