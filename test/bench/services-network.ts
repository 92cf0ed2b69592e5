/** The network of the service benchmarks: one namespace with the API server, the endpoints and the clients; a bridge with a tap for each node. */
import { attempt, run } from '../../lab/command.ts'
import type { GuestNetwork } from '../../lab/node/settings.ts'
import { type BenchNodeObject, ENDPOINT_RANGE, NODE, PEER, SERVICE_RANGE } from './services-objects.ts'

export const NETWORK = 'pr-bench-services'
export const API_ADDRESS = '172.31.9.1'
const BRIDGE = 'nodes'

/** A node's own link: the tap has its name. */
export function guestNetwork(node: BenchNodeObject): GuestNetwork {
  const last = Number(node.address.split('.').at(-1)).toString(16).padStart(2, '0')
  return { tap: node.name, mac: `52:54:00:31:09:${last}` }
}

export async function makeBenchNetwork(): Promise<void> {
  await attempt('ip', ['netns', 'delete', NETWORK])
  await run('ip', ['netns', 'add', NETWORK])
  const lines = [
    'link set lo up',
    `link add ${BRIDGE} type bridge`,
    `address add ${API_ADDRESS}/24 dev ${BRIDGE}`,
    `link set ${BRIDGE} up`,
    ...[NODE, PEER].flatMap(({ name }) => [
      `tuntap add dev ${name} mode tap`,
      `link set ${name} master ${BRIDGE} up`,
    ]),
    `route add ${SERVICE_RANGE} via ${NODE.address}`,
    // Every endpoint is here: one server answers for all of them.
    `route add local ${ENDPOINT_RANGE} dev lo`,
  ]
  await run('ip', ['-n', NETWORK, '-batch', '-'], { input: `${lines.join('\n')}\n` })
}

export async function removeBenchNetwork(): Promise<void> {
  await attempt('ip', ['netns', 'delete', NETWORK])
}

/**
 * What the node's own network needs. Addresses of Services that nobody serves lead nowhere, and say so each time: by default
 * once a second, so that a client waits for its time-out, and sees a second too late that a Service is there.
 */
export const guestSetup = (node: BenchNodeObject) => `set -e
link=$(ip -o link show | grep -i ${guestNetwork(node).mac} | cut -d: -f2 | tr -d ' ')
ip link set $link up
ip address add ${node.address}/24 dev $link
ip route add default via ${API_ADDRESS}
ip route add unreachable ${SERVICE_RANGE}
sysctl -q -w net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000 net.ipv4.route.error_cost=0`
