/**
 * `npm run bench:policy -- traffic`: what a pod's packets cost under 0, 10, 100 and 1,000 policies that select it, each with peers of its own:
 * new connections a second, and the throughput of one. Each case has a node, a pod and a client, network namespaces of this kernel, and all
 * cases are there at once: a round measures each for a moment, and what counts is the ratio to the case without policies in the same round.
 * A second case without policies says what such a ratio is worth. The nodes have the pod network's table, as every node has, and so
 * track connections whether there are policies or not; what it would cost without is said, too.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ClusterState } from '@podroute/cluster/state.ts'
import { tableScript } from '@podroute/kernel/nft/definition.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'
import { Enforcement } from '@podroute/network-policy/enforcement.ts'
import { masqueradeTable } from '@podroute/pod-network/egress/masquerade.ts'

interface Case {
  readonly name: string
  /** How many of them select the pod. */
  readonly policies: number
  /** What else the node has, in nftables' language. */
  readonly tables: string
  /** Whether the goal counts for it. */
  readonly judged: boolean
}

const POD_NETWORK = masqueradeTable(true)
const PODS = [
  'pods-local-4 { 10.1.0.0/16 }',
  'pods-4 { 10.1.0.0/16, 10.2.0.0/16 }',
  'pods-local-6 { fd10:1::/64 }',
  'pods-6 { fd10:1::/64, fd10:2::/64 }',
].map((set) => `add element inet ${POD_NETWORK.name} ${set}\n`)
const USUAL = tableScript(POD_NETWORK) + PODS.join('')
/** What no judging of connections can do without. */
const ONE_RULE = `table inet pr-floor {
  chain judge {
    type filter hook postrouting priority 80; policy accept;
    ct state established,related accept
  }
}
`
const NONE: Case = { name: 'none', policies: 0, tables: USUAL, judged: false }
const CASES: readonly Case[] = [
  NONE,
  { ...NONE, name: 'none, again' },
  { ...NONE, name: 'no tracking', tables: '' },
  { ...NONE, name: 'one rule', tables: USUAL + ONE_RULE },
  ...[10, 100, 1000].map((policies) => ({ ...NONE, name: `${policies} policies`, policies, judged: true })),
]
const CONNECTION_ROUNDS = 42
const THROUGHPUT_ROUNDS = 14
const CONNECTIONS = 2000
const SECONDS = 1
const POD_ADDRESSES = ['10.1.0.2', 'fd10:1::2'] as const
const CLIENT_ADDRESSES = ['10.2.0.2', 'fd10:2::2'] as const
/** Nobody listens at the first, so that a connection is answered and gone at once. */
const [CLOSED, IPERF] = ['9', '5201']
/** Processors of iperf3's two ends: each its own where there are two. */
const PROCESSORS = availableParallelism() > 1 ? '0,1' : '0,0'
const GOAL = 0.95

const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[list.length >> 1]!
const inside = (netns: string, ...command: string[]) =>
  execFileSync('ip', ['netns', 'exec', netns, ...command], { encoding: 'utf8' })

function link(node: string, netns: string, [v4, v6]: readonly [string, string], device: string): void {
  const script = `
    ip link add ${device} netns ${node} type veth peer name eth0 netns ${netns}
    ip -n ${node} link set ${device} up
    ip -n ${node} addr add 169.254.1.1/32 dev ${device}
    ip -n ${node} addr add fe80::1/64 dev ${device} nodad
    ip -n ${node} route add ${v4} dev ${device}
    ip -n ${node} route add ${v6} dev ${device}
    ip -n ${netns} link set eth0 up
    ip -n ${netns} addr add ${v4}/32 dev eth0
    ip -n ${netns} addr add ${v6}/128 dev eth0 nodad
    ip -n ${netns} route add 169.254.1.1 dev eth0
    ip -n ${netns} route add default via 169.254.1.1
    ip -n ${netns} route add default via fe80::1 dev eth0`
  execFileSync('sh', ['-ec', script])
}

/** What measures one case; all that it makes goes with `stack`. */
class Path {
  readonly which: Case
  readonly #pod: string
  readonly #client: string

  private constructor(which: Case, pod: string, client: string) {
    this.which = which
    this.#pod = pod
    this.#client = client
  }

  static async make(which: Case, index: number, stack: AsyncDisposableStack): Promise<Path> {
    const [node, pod, client] = ['node', 'pod', 'client'].map((role) => `pr-traffic-${index}-${role}`)
    for (const netns of [node!, pod!, client!]) {
      removeNetns(netns)
      createNetns(netns)
      stack.defer(() => removeNetns(netns))
      execFileSync('ip', ['-n', netns, 'link', 'set', 'lo', 'up'])
    }
    inside(node!, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
    link(node!, pod!, POD_ADDRESSES, 'pod')
    link(node!, client!, CLIENT_ADDRESSES, 'client')
    await applyPolicies(which, node!, stack)
    // A short timeout, so that what was tried is soon forgotten. The setting is there only with connection tracking.
    if (which.tables !== '') inside(node!, 'sysctl', '-qw', 'net.netfilter.nf_conntrack_tcp_timeout_close=1')
    const path = new Path(which, pod!, client!)
    await path.#serve(stack)
    return path
  }

  async #serve(stack: AsyncDisposableStack): Promise<void> {
    const server = spawn('ip', ['netns', 'exec', this.#pod, 'iperf3', '-s', '-p', IPERF, '--forceflush'])
    const ended = new Promise((resolve) => server.once('close', resolve))
    stack.defer(async () => {
      server.kill()
      await ended
    })
    const listening = new Promise<void>((resolve) =>
      server.stdout.on('data', (text) => /listening/.test(text) && resolve()),
    )
    await Promise.race([listening, ended.then(() => Promise.reject(new Error('iperf3 ended')))])
  }

  /** New ones a second, by the program that policy-connect.c is. */
  connections(program: string, family: 0 | 1): number {
    return Number(inside(this.#client, program, POD_ADDRESSES[family], CLOSED, String(CONNECTIONS)))
  }

  /** Gbit/s. */
  throughput(): number {
    const args = ['-c', POD_ADDRESSES[0], '-p', IPERF, '-t', String(SECONDS), '-A', PROCESSORS, '-J']
    const { end } = JSON.parse(inside(this.#client, 'iperf3', ...args)) as {
      end: { sum_received: { bits_per_second: number } }
    }
    return end.sum_received.bits_per_second / 1e9
  }
}

async function applyPolicies({ policies, tables }: Case, netns: string, stack: AsyncDisposableStack) {
  const kernel = stack.use(openKernel({ netns }))
  await kernel.nft.run(tables)
  const state = new ClusterState()
  const enforcement = new Enforcement({ nodeName: 'node', cluster: state, kernel })
  state.subscribe('networkpolicies', {
    changed: (key, a, b) => enforcement.policyChanged(key, a, b),
    synced() {},
  })
  state.subscribe('pods', { changed: (key, a, b) => enforcement.podChanged(key, a, b), synced() {} })
  await enforcement.adopt()
  await enforcement.synced()
  state.set('pods', 'shop/pod', {
    ...{ uid: 'p', labels: { app: 'pod' }, node: 'node', addresses: POD_ADDRESSES },
  })
  state.set('pods', 'shop/client', {
    ...{ uid: 'c', labels: { app: 'client-0' }, node: 'other', addresses: CLIENT_ADDRESSES },
  })
  for (let index = 0; index < policies; index++)
    state.set('networkpolicies', `shop/p${index}`, {
      spec: {
        podSelector: { matchLabels: { app: 'pod' } },
        ingress: [{ from: [{ podSelector: { matchLabels: { app: `client-${index}` } } }] }],
      },
    })
  if ((await enforcement.flush()).failed > 0) throw new Error('policies are not in place')
}

/** Each round begins with another one, and every second goes backwards: none is always behind the same one. */
function order(paths: readonly Path[], round: number): readonly Path[] {
  const from = round % paths.length
  const turned = [...paths.slice(from), ...paths.slice(0, from)]
  return round % 2 === 0 ? turned : turned.toReversed()
}

export async function benchTraffic(): Promise<boolean> {
  await using stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'pr-traffic-'))
  stack.defer(() => rmSync(folder, { recursive: true }))
  const program = join(folder, 'connect')
  execFileSync('gcc', ['-O2', '-o', program, join(import.meta.dirname, 'policy-connect.c')])
  const paths: Path[] = []
  for (const [index, which] of CASES.entries()) paths.push(await Path.make(which, index, stack))

  let met = true
  const compare = async (title: string, rounds: number, measure: (path: Path) => number) => {
    const found = new Map<string, number[]>(CASES.map(({ name }) => [name, []]))
    for (let round = 0; round < rounds; round++)
      for (const path of order(paths, round)) {
        found.get(path.which.name)!.push(measure(path))
        // What iperf3's servers print is read meanwhile.
        await sleep(1)
      }
    met = say(title, found) && met
  }
  await compare('new connections/s, IPv4', CONNECTION_ROUNDS, (path) => path.connections(program, 0))
  await compare('new connections/s, IPv6', CONNECTION_ROUNDS, (path) => path.connections(program, 1))
  await compare('throughput, Gbit/s', THROUGHPUT_ROUNDS, (path) => path.throughput())
  return met
}

/** Medians: of what was measured, and of the ratios to the case without policies, round by round, with the quarters around it. */
function say(title: string, found: ReadonlyMap<string, readonly number[]>): boolean {
  const none = found.get(NONE.name)!
  let met = true
  for (const { name, judged } of CASES) {
    const values = found.get(name)!
    const ratios = values.map((value, round) => value / none[round]!).toSorted((a, b) => a - b)
    const [low, ratio, high] = [1, 2, 3].map((quarter) => ratios[Math.floor((ratios.length * quarter) / 4)]!)
    met &&= !judged || ratio! >= GOAL
    const said = `${median(values).toPrecision(4).padStart(9)} ${ratio!.toFixed(3)} x (${low!.toFixed(3)} to ${high!.toFixed(3)})`
    process.stdout.write(`${title}, ${name}`.padEnd(40) + said + (judged ? `   goal ${GOAL} x\n` : '\n'))
  }
  return met
}
