/** The network of an AgentCluster: one namespace with a bridge and the control plane, one for each node on it. */
import { attempt, run } from '../../lab/command.ts'

/** Of the bridge, which the API server listens on. */
export const CONTROL_PLANE_ADDRESS = '172.31.0.1'

export interface TestNode {
  readonly name: string
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
    'link add nodes type bridge forward_delay 0',
    `address add ${CONTROL_PLANE_ADDRESS}/24 dev nodes`,
    'address add fd31::1/64 dev nodes nodad',
    'link set nodes up',
  ])
}

/** The namespace of node number `n`, with addresses of both families. */
export async function joinNetwork(network: string, n: number): Promise<TestNode> {
  const node = { name: `node-${n}`, netns: `${network}-${n}`, ipv4: `172.31.0.1${n}`, ipv6: `fd31::1${n}` }
  await attempt('ip', ['netns', 'delete', node.netns])
  await run('ip', ['netns', 'add', node.netns])
  await batch(network, [
    `link add port${n} type veth peer name eth0 netns ${node.netns}`,
    `link set port${n} master nodes up`,
  ])
  await batch(node.netns, [
    'link set lo up',
    `address add ${node.ipv4}/24 dev eth0`,
    `address add ${node.ipv6}/64 dev eth0 nodad`,
    'link set eth0 up',
    `route add default via ${CONTROL_PLANE_ADDRESS}`,
  ])
  return node
}

export async function removeNetwork(network: string, nodes: readonly TestNode[]): Promise<void> {
  for (const netns of [...nodes.map((node) => node.netns), network]) {
    await attempt('ip', ['netns', 'delete', netns])
  }
}

async function batch(netns: string, lines: readonly string[]): Promise<void> {
  await run('ip', ['-n', netns, '-batch', '-'], { input: `${lines.join('\n')}\n` })
}
