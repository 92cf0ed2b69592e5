/**
 * Three nodes that serve the addresses of a Service, and a router that leads a client to one of them.
 *
 *   client 192.0.2.2 ── router ── lan 172.31.0.1 ─┬─ x 172.31.0.11, y .12, z .13
 *                                                 └─ pods 172.31.0.50: 10.244.9.2, 10.244.9.3
 *
 * The same in IPv6: fd20::, fd31::, fd10:244:9::.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { openKernel } from '@podroute/kernel/open.ts'
import { createServiceProxy } from '@podroute/service-proxy/testing/object-proxy.ts'
import { service, slice } from '@podroute/service-proxy/testing/objects.ts'
import { type Host, startHost } from './network.ts'

const run = promisify(execFile)

export const NODES = ['x', 'y', 'z'] as const
export type NodeName = (typeof NODES)[number]

/** Of the Service, with its port. */
export const VIPS = { 4: '198.51.100.10', 6: '2001:db8:10::10' } as const
export const PORT = 80
const POD_PORT = 8080
const LAN = { 4: '172.31.0.', 6: 'fd31::' } as const
const NUMBERS: Readonly<Record<NodeName | 'router' | 'pods', number>> = {
  ...{ router: 1, x: 11, y: 12, z: 13, pods: 50 },
}
const PODS = ['10.244.9.2', '10.244.9.3', 'fd10:244:9::2', 'fd10:244:9::3'] as const
const NAMES = ['lan', 'client', 'router', 'pods', ...NODES] as const

export function addressOf(name: keyof typeof NUMBERS, family: 4 | 6): string {
  return `${LAN[family]}${NUMBERS[name]}`
}

export interface RoutedNodes extends AsyncDisposable {
  readonly client: Host
  netnsOf(name: (typeof NAMES)[number]): string
  /** The router leads all that is for the Service to this node from now on. */
  leadTo(node: NodeName): Promise<void>
  /** Runs a command in a namespace; resolves with what it printed. */
  exec(name: (typeof NAMES)[number], ...command: readonly string[]): Promise<string>
}

export async function makeRoutedNodes(): Promise<RoutedNodes> {
  const netnsOf = (name: string) => `pr-routed-${name}`
  const remove = () =>
    Promise.all(NAMES.map((name) => run('ip', ['netns', 'del', netnsOf(name)]).catch(() => {})))
  await remove()
  const stack = new AsyncDisposableStack()
  stack.defer(async () => void (await remove()))
  for (const name of NAMES) await run('ip', ['netns', 'add', netnsOf(name)])
  await run('bash', ['-e', '-c', commands(netnsOf).join('\n')])
  const client = stack.use(await startHost(netnsOf('client'), 'client', []))
  stack.use(await startHost(netnsOf('pods'), 'pods', [POD_PORT]))
  for (const name of NODES) await startProxy(stack, netnsOf(name), name)
  const exec = async (name: string, ...command: readonly string[]) =>
    (await run('ip', ['netns', 'exec', netnsOf(name), ...command])).stdout
  const made = stack.move()
  return {
    ...{ client, netnsOf, exec },
    async leadTo(node) {
      for (const family of [4, 6] as const)
        await exec(
          'router',
          'ip',
          `-${family}`,
          'route',
          'replace',
          VIPS[family],
          'via',
          addressOf(node, family),
        )
    },
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  }
}

function commands(netnsOf: (name: string) => string): string[] {
  const inside = (name: string, ...all: readonly string[]) =>
    all.map((command) => `ip -n ${netnsOf(name)} ${command}`)
  const onLan = ['router', 'pods', ...NODES] as const
  const gateway = (name: string, host: keyof typeof NUMBERS, v4 = 'default', v6 = 'default') =>
    inside(name, `route add ${v4} via ${addressOf(host, 4)}`, `-6 route add ${v6} via ${addressOf(host, 6)}`)
  return [
    ...inside('lan', 'link add lan type bridge', 'link set lan up'),
    ...onLan.flatMap((name) => [
      `ip -n ${netnsOf('lan')} link add ${name} type veth peer name eth0 netns ${netnsOf(name)}`,
      `ip -n ${netnsOf('lan')} link set ${name} master lan up`,
      ...inside(name, 'link set eth0 up', 'link set lo up'),
      ...inside(name, `addr add ${addressOf(name, 4)}/24 dev eth0`),
      ...inside(name, `addr add ${addressOf(name, 6)}/64 dev eth0 nodad`),
    ]),
    `ip -n ${netnsOf('router')} link add eth1 type veth peer name eth0 netns ${netnsOf('client')}`,
    ...inside('router', 'link set eth1 up', 'addr add 192.0.2.1/24 dev eth1'),
    ...inside('router', 'addr add fd20::1/64 dev eth1 nodad'),
    ...inside('client', 'link set lo up', 'link set eth0 up', 'addr add 192.0.2.2/24 dev eth0'),
    ...inside('client', 'addr add fd20::2/64 dev eth0 nodad', 'route add default via 192.0.2.1'),
    ...inside('client', '-6 route add default via fd20::1'),
    ...inside('pods', ...PODS.map((address) => `addr add ${address} dev lo`)),
    ...NODES.flatMap((name) => [
      ...gateway(name, 'router'),
      ...gateway(name, 'pods', '10.244.9.0/24', 'fd10:244:9::/64'),
    ]),
    ...['router', ...NODES].flatMap((name) =>
      ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'].map(
        (setting) => `ip netns exec ${netnsOf(name)} sysctl -qw ${setting}`,
      ),
    ),
  ]
}

async function startProxy(stack: AsyncDisposableStack, netns: string, name: NodeName): Promise<void> {
  const kernel = stack.use(openKernel({ netns }))
  const proxy = stack.use(
    createServiceProxy({
      nodeName: name,
      nodeAddresses: [addressOf(name, 4), addressOf(name, 6)],
      podCIDRs: ['10.244.0.0/16', 'fd10:244::/32'],
      externalRanges: ['198.51.100.0/24', '2001:db8:10::/64'],
      kernel,
    }),
  )
  stack.defer(async () => void (await proxy.cleanup()))
  await proxy.start()
  await proxy.synced()
  const clusterIPs = ['10.96.0.10', 'fd10:96::10']
  const ports = [{ port: PORT, targetPort: POD_PORT, protocol: 'TCP' }]
  proxy.upsertService(service('web', { clusterIPs, externalIPs: Object.values(VIPS), ports }))
  const endpoints = [{ port: POD_PORT, protocol: 'TCP' }]
  for (const family of [PODS.slice(0, 2), PODS.slice(2)]) proxy.upsertSlice(slice('web', family, endpoints))
  await proxy.flush()
}
