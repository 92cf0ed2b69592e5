/**
 * `npm run bench:policy -- traffic`: what a pod's packets cost under 0, 10, 100 and 1,000 policies that select it, each with peers of its own:
 * new connections a second, and the throughput of one. Pod, node and client are network namespaces of this kernel.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClusterState } from '@podroute/cluster/state.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'
import { Enforcement } from '@podroute/network-policy/enforcement.ts'

const SIZES = [0, 10, 100, 1000]
const ROUNDS = 7
const CONNECTIONS = 4000
const SECONDS = 1
const [NODE, POD, CLIENT] = ['pr-traffic-node', 'pr-traffic-pod', 'pr-traffic-client']
const ADDRESSES = { [POD]: ['10.1.0.2', 'fd10:1::2'], [CLIENT]: ['10.2.0.2', 'fd10:2::2'] } as const
/** Nobody listens at the first, so that a connection is answered and gone at once. */
const [CLOSED, IPERF] = [9, 5201]
const GOAL = 0.95

const best = (list: readonly number[]) => Math.max(...list)
const inside = (netns: string, ...command: string[]) =>
  execFileSync('ip', ['netns', 'exec', netns, ...command], { encoding: 'utf8' })

function link(netns: string, [v4, v6]: readonly [string, string], device: string): void {
  const script = `
    ip link add ${device} netns ${NODE} type veth peer name eth0 netns ${netns}
    ip -n ${NODE} link set ${device} up
    ip -n ${NODE} addr add 169.254.1.1/32 dev ${device}
    ip -n ${NODE} addr add fe80::1/64 dev ${device} nodad
    ip -n ${NODE} route add ${v4} dev ${device}
    ip -n ${NODE} route add ${v6} dev ${device}
    ip -n ${netns} link set eth0 up
    ip -n ${netns} addr add ${v4}/32 dev eth0
    ip -n ${netns} addr add ${v6}/128 dev eth0 nodad
    ip -n ${netns} route add 169.254.1.1 dev eth0
    ip -n ${netns} route add default via 169.254.1.1
    ip -n ${netns} route add default via fe80::1 dev eth0`
  execFileSync('sh', ['-ec', script])
}

async function throughput(): Promise<number> {
  const server = spawn('ip', [
    'netns',
    'exec',
    POD,
    'iperf3',
    '-s',
    '-1',
    '-p',
    String(IPERF),
    '--forceflush',
  ])
  const ended = new Promise((resolve) => server.once('close', resolve))
  await new Promise<void>((resolve) =>
    server.stdout.on('data', (text) => /listening/.test(text) && resolve()),
  )
  const args = ['-c', ADDRESSES[POD]![0], '-p', String(IPERF), '-t', String(SECONDS), '-J']
  const { end } = JSON.parse(inside(CLIENT, 'iperf3', ...args)) as {
    end: { sum_received: { bits_per_second: number } }
  }
  await ended
  return end.sum_received.bits_per_second / 1e9
}

export async function benchTraffic(): Promise<boolean> {
  using stack = new DisposableStack()
  for (const netns of [NODE, POD, CLIENT]) {
    removeNetns(netns)
    createNetns(netns)
    stack.defer(() => removeNetns(netns))
    execFileSync('ip', ['-n', netns, 'link', 'set', 'lo', 'up'])
  }
  const settings = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']
  inside(NODE, 'sysctl', '-qw', ...settings)
  link(POD, ADDRESSES[POD]!, 'pod')
  link(CLIENT, ADDRESSES[CLIENT]!, 'client')
  const folder = mkdtempSync(join(tmpdir(), 'pr-traffic-'))
  stack.defer(() => rmSync(folder, { recursive: true }))
  const program = join(folder, 'connect')
  execFileSync('gcc', ['-O2', '-o', program, join(import.meta.dirname, 'policy-connect.c')])

  using kernel = openKernel({ netns: NODE })
  const state = new ClusterState()
  const enforcement = new Enforcement({ nodeName: 'node', cluster: state, kernel })
  state.subscribe('networkpolicies', {
    changed: (key, a, b) => enforcement.policyChanged(key, a, b),
    synced() {},
  })
  state.subscribe('pods', { changed: (key, a, b) => enforcement.podChanged(key, a, b), synced() {} })
  await enforcement.adopt()
  await enforcement.synced()
  // A short timeout, so that what was tried is soon forgotten.
  inside(NODE, 'sysctl', '-qw', 'net.netfilter.nf_conntrack_tcp_timeout_close=1')
  state.set('pods', 'shop/pod', {
    uid: 'p',
    labels: { app: 'pod' },
    node: 'node',
    addresses: ADDRESSES[POD]!,
  })
  state.set('pods', 'shop/client', {
    uid: 'c',
    labels: { app: 'client-0' },
    node: 'other',
    addresses: ADDRESSES[CLIENT]!,
  })

  const found = new Map<string, number[]>()
  const note = (name: string, value: number) => found.set(name, [...(found.get(name) ?? []), value])
  for (let round = 0; round < ROUNDS; round++)
    for (const size of SIZES) {
      for (const key of [...state.networkPolicies.keys()]) state.delete('networkpolicies', key)
      for (let index = 0; index < size; index++)
        state.set('networkpolicies', `shop/p${index}`, {
          spec: {
            podSelector: { matchLabels: { app: 'pod' } },
            ingress: [{ from: [{ podSelector: { matchLabels: { app: `client-${index}` } } }] }],
          },
        })
      if ((await enforcement.flush()).failed > 0) throw new Error('policies are not in place')
      for (const [family, address] of ADDRESSES[POD]!.entries())
        note(
          `new connections/s, IPv${[4, 6][family]}, ${size}`,
          Number(inside(CLIENT, program, address, String(CLOSED), String(CONNECTIONS))),
        )
      note(`throughput, Gbit/s, ${size}`, await throughput())
    }
  await enforcement.cleanup()
  return say(found)
}

/** The best of all rounds: others use the machine, too. */
function say(found: ReadonlyMap<string, readonly number[]>): boolean {
  let met = true
  for (const [name, list] of [...found].toSorted(([a], [b]) =>
    a.split(', ')[1]! < b.split(', ')[1]! ? -1 : 1,
  )) {
    const without = best(found.get(name.replace(/\d+$/, '0'))!)
    const ratio = best(list) / without
    met &&= ratio >= GOAL
    process.stdout.write(
      `${name.padEnd(40)} ${best(list).toPrecision(4).padStart(8)} ${ratio.toFixed(3)} x   goal ${GOAL} x\n`,
    )
  }
  return met
}
