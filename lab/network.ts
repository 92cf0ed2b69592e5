// The lab's network, in namespaces of its own: a bridge with the control plane's address and a tap for each node,
// a router on it, and a client behind the router. The machine's own network is not touched.

import {
  API_ADDRESSES,
  BRIDGE,
  CLUSTER_CIDRS,
  LAB_NAMESPACE,
  NODES,
  OUTSIDE,
  OUTSIDE_GATEWAY,
  OUTSIDE_NAMESPACE,
  ROUTER,
  ROUTER_NAMESPACE,
  SERVICE_CIDRS,
} from './addresses.ts'
import { attempt, run } from './command.ts'

export const NAMESPACES = [LAB_NAMESPACE, ROUTER_NAMESPACE, OUTSIDE_NAMESPACE] as const

async function batch(netns: string, lines: readonly string[]): Promise<void> {
  await run('ip', ['-n', netns, '-batch', '-'], { input: `${lines.join('\n')}\n` })
}

async function sysctls(netns: string, settings: readonly string[]): Promise<void> {
  await run('ip', ['netns', 'exec', netns, 'sysctl', '-q', '-w', ...settings])
}

const FORWARDING = [
  'net.ipv4.ip_forward=1',
  'net.ipv6.conf.all.forwarding=1',
  'net.ipv4.conf.all.rp_filter=0',
]

/** Makes the namespaces and all that is in them. */
export async function makeNetwork(): Promise<void> {
  for (const netns of NAMESPACES) await run('ip', ['netns', 'add', netns])
  await makeNodesNetwork()
  await makeRouterNetwork()
  await makeOutsideNetwork()
}

async function makeNodesNetwork(): Promise<void> {
  await sysctls(LAB_NAMESPACE, FORWARDING)
  await batch(LAB_NAMESPACE, [
    'link set lo up',
    `link add ${BRIDGE} type bridge forward_delay 0`,
    `address add ${API_ADDRESSES.ipv4}/24 dev ${BRIDGE}`,
    `address add ${API_ADDRESSES.ipv6}/64 dev ${BRIDGE} nodad`,
    `link set ${BRIDGE} up`,
    `link add to-router type veth peer name eth0 netns ${ROUTER_NAMESPACE}`,
    `link set to-router master ${BRIDGE} up`,
    ...NODES.flatMap(({ tap }) => [`tuntap add dev ${tap} mode tap`, `link set ${tap} master ${BRIDGE} up`]),
  ])
}

async function makeRouterNetwork(): Promise<void> {
  await sysctls(ROUTER_NAMESPACE, FORWARDING)
  await batch(ROUTER_NAMESPACE, [
    'link set lo up',
    `address add ${ROUTER.ipv4}/24 dev eth0`,
    `address add ${ROUTER.ipv6}/64 dev eth0 nodad`,
    'link set eth0 up',
    `link add eth1 type veth peer name eth0 netns ${OUTSIDE_NAMESPACE}`,
    `address add ${OUTSIDE_GATEWAY.ipv4}/24 dev eth1`,
    `address add ${OUTSIDE_GATEWAY.ipv6}/64 dev eth1 nodad`,
    'link set eth1 up',
  ])
  // The control plane reaches pods the way that everybody outside does.
  await batch(LAB_NAMESPACE, [
    ...[CLUSTER_CIDRS[0], SERVICE_CIDRS[0], `${OUTSIDE.ipv4}/32`].map(
      (to) => `route add ${to} via ${ROUTER.ipv4}`,
    ),
    ...[CLUSTER_CIDRS[1], SERVICE_CIDRS[1], `${OUTSIDE.ipv6}/128`].map(
      (to) => `route add ${to} via ${ROUTER.ipv6}`,
    ),
  ])
}

async function makeOutsideNetwork(): Promise<void> {
  await batch(OUTSIDE_NAMESPACE, [
    'link set lo up',
    `address add ${OUTSIDE.ipv4}/24 dev eth0`,
    `address add ${OUTSIDE.ipv6}/64 dev eth0 nodad`,
    'link set eth0 up',
    `route add default via ${OUTSIDE_GATEWAY.ipv4}`,
    `route add ::/0 via ${OUTSIDE_GATEWAY.ipv6}`,
  ])
}

/** Those of the lab's namespaces that exist. */
export async function presentNamespaces(): Promise<string[]> {
  const { stdout } = await attempt('ip', ['netns', 'list'])
  const present = new Set(stdout.split('\n').map((line) => line.split(' ')[0]))
  return NAMESPACES.filter((name) => present.has(name))
}

/** Ends what still runs in the namespaces (they are ours alone) and removes them. */
export async function removeNetwork(): Promise<void> {
  for (const netns of await presentNamespaces()) {
    const { stdout } = await attempt('ip', ['netns', 'pids', netns])
    for (const pid of stdout.split('\n').filter(Boolean)) endProcess(Number(pid))
    await run('ip', ['netns', 'delete', netns])
  }
}

function endProcess(pid: number): void {
  if (pid === process.pid) return
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended meanwhile.
  }
}
