/** The network of an AgentCluster: one namespace with a bridge and the control plane, one for each node on it. */
import { attempt, run } from '../../lab/command.ts'

/** Of the bridge, which the API server listens on. */
export const CONTROL_PLANE_ADDRESS = '172.31.0.1'
/** The same for nodes that have IPv6 alone. */
export const CONTROL_PLANE_ADDRESS_V6 = 'fd31::1'

/**
 * The bridge's own. Without one of its own a bridge has the lowest MAC of its ports: one that comes or goes may change it, and then
 * nodes that know the API server by the one before do not reach it for some 40 s.
 */
const BRIDGE_MAC = '02:00:00:00:00:01'

export type Family = 4 | 6
export const BOTH: readonly Family[] = [4, 6]

export interface TestNode {
  readonly name: string
  /** Those that it has addresses of. */
  readonly families: readonly Family[]
  readonly netns: string
  readonly ipv4: string
  readonly ipv6: string
}

/** Removes what an earlier run left. */
export async function makeNetwork(network: string): Promise<void> {
  await attempt('ip', ['netns', 'delete', network])
  await run('ip', ['netns', 'add', network])
  await batch(network, [
    'link set lo up',
    `link add nodes address ${BRIDGE_MAC} type bridge forward_delay 0`,
    `address add ${CONTROL_PLANE_ADDRESS}/24 dev nodes`,
    `address add ${CONTROL_PLANE_ADDRESS_V6}/64 dev nodes nodad`,
    'link set nodes up',
  ])
}

/** The namespace of node number `n`, with addresses of these families. */
export async function joinNetwork(network: string, n: number, families = BOTH): Promise<TestNode> {
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
    ...(families.includes(4) ? [`route add default via ${CONTROL_PLANE_ADDRESS}`] : []),
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
