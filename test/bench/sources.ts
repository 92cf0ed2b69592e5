// What the check of pods' addresses costs their traffic. A pod sends to another one on its node as fast as it can, TCP and UDP
// of 64 bytes, with the check and without in turn; the node has the tables of all features that are on by default, and then none beside it.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type NftTable, tableScript } from '@podroute/kernel/nft/definition.ts'
import type { SetElement } from '@podroute/kernel/nft/element.ts'
import { policyTable } from '@podroute/network-policy/kernel/table.ts'
import { bgpPortChains } from '@podroute/pod-network/egress/bgp-ports.ts'
import { masqueradeTable } from '@podroute/pod-network/egress/masquerade.ts'
import { elementsOf } from '@podroute/pod-network/sources/port-elements.ts'
import { SOURCES_TABLE, sourcesTable } from '@podroute/pod-network/sources/table.ts'
import { testSettings } from '@podroute/pod-network/testing/fixtures.ts'
import { SERVICE_TABLE } from '@podroute/service-proxy/rules/table.ts'
import { installPackages } from '../../lab/prerequisites.ts'
import { benchOptions } from './options.ts'
import { begin, median, report } from './report.ts'

const HOST = 'pr-sources-bench'
const SENDER = `${HOST}-a`
const RECEIVER = `${HOST}-b`
const PORT = '9999'
/** Of a node that is full (maxPods). */
const PODS = 110
const SECOND_PROCESSOR = '1'

const USAGE = `bench:sources [-- OPTION…]
  --json          a line of JSON for each figure
  --rounds N      rounds with the check and without, in turn (default 20)
  --seconds S     of each round and kind (default 0.4)`

const { values: options } = benchOptions(USAGE, {
  options: {
    json: { type: 'boolean' },
    rounds: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '0.4' },
  },
})

const run = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: 'utf8' })
const ip = (netns: string, ...args: string[]) => run('ip', '-n', netns, ...args)
const load = (script: string) =>
  execFileSync('ip', ['netns', 'exec', HOST, 'nft', '-f', '-'], {
    input: script,
    stdio: ['pipe', 'inherit', 'inherit'],
  })

const macOf = (pod: number) => `02:00:5e:00:53:${pod.toString(16).padStart(2, '0')}`
const addressesOf = (pod: number) => [`10.244.1.${pod + 2}`, `fd10:244:0:1::${(pod + 2).toString(16)}`]
const portOf = (pod: number) => `veth${pod.toString().padStart(8, '0')}`

function addPod(pod: number, netns: string): void {
  ip(
    HOST,
    'link',
    'add',
    portOf(pod),
    'type',
    'veth',
    'peer',
    'name',
    'eth0',
    'address',
    macOf(pod),
    'netns',
    netns,
  )
  ip(HOST, 'link', 'set', portOf(pod), 'master', 'kube-bridge', 'up')
  const [v4, v6] = addressesOf(pod)
  ip(netns, 'addr', 'add', `${v4}/24`, 'dev', 'eth0')
  ip(netns, 'addr', 'add', `${v6}/64`, 'dev', 'eth0', 'nodad')
  ip(netns, 'link', 'set', 'eth0', 'up')
}

const NO_LINK = 10_000
const indexOf = (pod: number) =>
  pod > 1 ? NO_LINK + pod : JSON.parse(ip(HOST, '-j', 'link', 'show', portOf(pod)))[0].ifindex

const elementLines = (table: string, elements: readonly SetElement[]) =>
  elements.map(({ set, element }) => `add element ${table} ${set} { ${element} }`).join('\n')

/** With the elements of a node that is full. */
function loadCheck(): void {
  const elements = Array.from({ length: PODS }, (_, pod) =>
    elementsOf(indexOf(pod), { mac: macOf(pod), addresses: addressesOf(pod) }),
  )
  load(`${tableScript(sourcesTable(true))}${elementLines(SOURCES_TABLE, elements.flat())}\n`)
}

/** As the agent makes them for a node with its defaults, without Services and policies: a cluster has more. */
function loadOthers(): void {
  const egress = masqueradeTable(true, bgpPortChains(testSettings))
  const pods = {
    'pods-local-4': '10.244.1.0/24',
    'pods-4': '10.244.0.0/16',
    'pods-local-6': 'fd10:244:0:1::/64',
    'pods-6': 'fd10:244::/48',
  }
  const elements = Object.entries(pods).map(([set, element]) => ({ set, element }))
  const tables: readonly NftTable[] = [egress, policyTable(true, false), SERVICE_TABLE]
  load(`${tables.map(tableScript).join('\n')}${elementLines(`inet ${egress.name}`, elements)}\n`)
}

type Traffic = 'udp' | 'tcp'

/** Nanoseconds, a packet of UDP or a KiB of TCP. */
interface Cost {
  readonly wall: number
  readonly cpu: number
}

function send(program: string, traffic: Traffic, address: string): Cost {
  const pinned = ['taskset', '-c', SECOND_PROCESSOR, program, traffic, address, PORT, options.seconds]
  const [wall, cpu] = run('ip', 'netns', 'exec', SENDER, ...pinned)
    .split(' ')
    .map(Number)
  return { wall: wall!, cpu: cpu! }
}

const UNITS: Readonly<Record<Traffic, string>> = { udp: 'UDP of 64 bytes, a packet', tcp: 'TCP, a KiB' }

function measure(node: string, program: string, traffic: Traffic, family: 4 | 6, goal?: number): void {
  begin(`${node}, ${traffic}, IPv${family}`)
  const address = addressesOf(1)[family === 4 ? 0 : 1]!
  const costs = { with: [] as Cost[], without: [] as Cost[] }
  for (let round = 0; round < Number(options.rounds); round++) {
    // Who is first changes, as does what the machine does meanwhile.
    for (const checked of round % 2 === 0 ? [true, false] : [false, true]) {
      if (checked) loadCheck()
      costs[checked ? 'with' : 'without'].push(send(program, traffic, address))
      if (checked) load(`delete table ${SOURCES_TABLE}`)
    }
  }
  const bound = goal === undefined ? {} : { goal: { kind: 'ratio', value: goal } as const }
  for (const field of ['wall', 'cpu'] as const)
    report({
      name: `${node}, IPv${family}, ${UNITS[traffic]}${field === 'cpu' ? ', CPU' : ''}`,
      unit: 'ns',
      ours: median(costs.with.map((cost) => cost[field])),
      peer: median(costs.without.map((cost) => cost[field])),
      ...bound,
    })
}

/** Resolves when the port is there. */
async function hold(program: string): Promise<ChildProcess> {
  const child = spawn('ip', ['netns', 'exec', RECEIVER, program, 'hold', PORT], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit').then(([code]) =>
    Promise.reject(new Error(`${program} ended with ${code}`)),
  )
  await Promise.race([once(child.stdout!, 'data'), ended])
  ended.catch(() => {})
  return child
}

await installPackages()
const directory = mkdtempSync(join(tmpdir(), 'podroute-bench-sources-'))
const program = join(directory, 'pod-traffic')
run('gcc', '-O2', '-o', program, join(import.meta.dirname, 'pod-traffic.c'))
const namespaces = [HOST, SENDER, RECEIVER]
let receiver: ChildProcess | undefined
try {
  for (const name of namespaces) run('ip', 'netns', 'add', name)
  ip(HOST, 'link', 'add', 'kube-bridge', 'type', 'bridge')
  ip(HOST, 'link', 'set', 'kube-bridge', 'up')
  addPod(0, SENDER)
  addPod(1, RECEIVER)
  // It never sends, so that the bridge would forget where it is.
  run('bridge', '-n', HOST, 'fdb', 'replace', macOf(1), 'dev', portOf(1), 'master', 'static')
  receiver = await hold(program)
  loadOthers()
  for (const traffic of ['tcp', 'udp'] as const)
    for (const family of [4, 6] as const) measure('node with defaults', program, traffic, family, 1.05)
  load('flush ruleset')
  for (const family of [4, 6] as const) measure('bridge alone', program, 'udp', family)
} finally {
  receiver?.kill()
  for (const name of namespaces) if (existsSync(join('/run/netns', name))) run('ip', 'netns', 'del', name)
  rmSync(directory, { recursive: true })
}
