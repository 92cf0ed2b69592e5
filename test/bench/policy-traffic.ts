/**
 * `npm run bench:policy -- traffic`: what a pod's packets cost under 0, 10, 100 and 1,000 policies that select it, each with peers of its own:
 * new connections a second, and the throughput of one. Pod, node and client are network namespaces of this kernel. The node has the pod
 * network's table, as every node has, and so tracks connections whether there are policies or not; what it would cost without is said, too.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClusterState } from '@podroute/cluster/state.ts'
import { tableScript } from '@podroute/kernel/nft/definition.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'
import { Enforcement } from '@podroute/network-policy/enforcement.ts'
import { masqueradeTable } from '@podroute/pod-network/egress/masquerade.ts'

const UNTRACKED = 'no tracking'
const FLOOR = 'one rule'
const CASES = [UNTRACKED, 0, FLOOR, 10, 100, 1000] as const
/** What no judging of connections can do without. */
const FLOOR_TABLE = `table inet pr-floor {
  chain judge {
    type filter hook postrouting priority 80; policy accept;
    ct state established,related accept
  }
}
`
const POD_NETWORK = masqueradeTable(true)
const ROUNDS = 9
const CONNECTIONS = 4000
const SECONDS = 1
const [NODE, POD, CLIENT] = ['pr-traffic-node', 'pr-traffic-pod', 'pr-traffic-client']
const ADDRESSES = { [POD]: ['10.1.0.2', 'fd10:1::2'], [CLIENT]: ['10.2.0.2', 'fd10:2::2'] } as const
/** Nobody listens at the first, so that a connection is answered and gone at once. */
const [CLOSED, IPERF] = [9, 5201]
const GOAL = 0.95

const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[list.length >> 1]!
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
  // Connection tracking, whose settings are there only with it.
  await kernel.nft.run(tables(0))
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
    // Each begins another round: none is always behind the same one.
    for (const which of [...CASES.slice(round % CASES.length), ...CASES.slice(0, round % CASES.length)]) {
      const size = typeof which === 'number' ? which : 0
      for (const key of [...state.networkPolicies.keys()]) state.delete('networkpolicies', key)
      for (let index = 0; index < size; index++)
        state.set('networkpolicies', `shop/p${index}`, {
          spec: {
            podSelector: { matchLabels: { app: 'pod' } },
            ingress: [{ from: [{ podSelector: { matchLabels: { app: `client-${index}` } } }] }],
          },
        })
      if ((await enforcement.flush()).failed > 0) throw new Error('policies are not in place')
      await kernel.nft.run(tables(which))
      for (const [family, address] of ADDRESSES[POD]!.entries())
        note(
          `new connections/s, IPv${[4, 6][family]}, ${which}`,
          Number(inside(CLIENT, program, address, String(CLOSED), String(CONNECTIONS))),
        )
      note(`throughput, Gbit/s, ${which}`, await throughput())
    }
  await enforcement.cleanup()
  return say(found)
}

/** What the node has besides policies. */
function tables(which: (typeof CASES)[number]): string {
  const [network, floor] = [POD_NETWORK.name, 'pr-floor']
  const none = [network, floor].map((name) => `add table inet ${name}\ndelete table inet ${name}\n`).join('')
  if (which === UNTRACKED) return none
  const pods = [
    'pods-local-4 { 10.1.0.0/16 }',
    'pods-4 { 10.1.0.0/16, 10.2.0.0/16 }',
    'pods-local-6 { fd10:1::/64 }',
    'pods-6 { fd10:1::/64, fd10:2::/64 }',
  ].map((set) => `add element inet ${network} ${set}\n`)
  return none + tableScript(POD_NETWORK) + pods.join('') + (which === FLOOR ? FLOOR_TABLE : '')
}

/** The median of all rounds: others use the machine, too. */
function say(found: ReadonlyMap<string, readonly number[]>): boolean {
  let met = true
  const kind = (name: string) => name.slice(0, name.lastIndexOf(', '))
  for (const [name, list] of [...found].toSorted(([a], [b]) => kind(a).localeCompare(kind(b)))) {
    const ratio = median(list) / median(found.get(`${kind(name)}, 0`)!)
    const counts = /\d$/.test(name)
    met &&= ratio >= GOAL || !counts
    process.stdout.write(
      `${name.padEnd(40)} ${median(list).toPrecision(4).padStart(8)} ${ratio.toFixed(3)} x${counts ? `   goal ${GOAL} x` : ''}\n`,
    )
  }
  return met
}
