/** A mesh of 500 simulated nodes around one agent, and around GoBGP with the same sessions. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../lab/command.ts'
import type { TestNode } from '../support/agent-network.ts'
import { eventually } from '../support/eventually.ts'
import { gobgpProgram } from './bgp-gobgp.ts'
import { machineTime, timeBetween } from './machine-time.ts'
import type { NetworkCase, Say } from './network-case.ts'
import { type BenchCluster, configOf, RouteWatch, startBenchCluster, untilReady } from './network-cluster.ts'
import { startGobgpMesh } from './network-gobgp.ts'
import { DEVICE, type FromSimulated, SIMULATED_HOST, simulatedNode } from './network-mesh-scenario.ts'
import { median } from './report.ts'

const PEERS = 500
const ROUNDS = 9
const REST = 500
/** Garbage of the start is collected within it, and the first audits are over. */
const SETTLE = 45_000
const WATCHED = 60_000
const GIVE_UP = 60_000
const GOALS = { route: 500, cpu: 0.2, rss: 90 }

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))
const atMost = (value: number) => ({ goal: { kind: 'max', value } as const })

async function largeMesh(say: Say): Promise<void> {
  await using bench = await startBenchCluster('bench-mesh')
  const node = await bench.cluster.addNamespace()
  await using simulated = await Simulated.start(bench, node)
  const { api, cluster } = bench
  await api.addNode({ name: node.name, address: node.ipv4, podCIDR: '10.244.1.0/24' })
  await Promise.all(Array.from({ length: PEERS }, (_, index) => api.addNode(simulatedNode(index))))
  using watch = new RouteWatch(node)
  const started = performance.now()
  await cluster.startAgent(node, configOf(cluster, node, 'bgp'))
  await watch.until((routes) => routes.size === PEERS)
  say({ name: `start to ${PEERS} routes`, unit: 'ms', ours: performance.now() - started })
  await untilReady(cluster, node)
  await nodeToRoute(bench, watch, say)
  await idle(bench, node, say)
  await restart(bench, node, watch, say)
  await cluster.killAgent(node)
  await eventually(() => simulated.established === 0, 30_000)
  await gobgp(node, simulated, say)
}

/** One more of the simulated nodes becomes a Node. */
async function nodeToRoute({ api }: BenchCluster, watch: RouteWatch, say: Say): Promise<void> {
  const one = simulatedNode(PEERS)
  const times: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const started = performance.now()
    await api.addNode(one)
    await watch.until((routes) => routes.has(one.podCIDR))
    if (round > 0) times.push(performance.now() - started)
    await api.removeNode(one)
    await watch.until((routes) => !routes.has(one.podCIDR))
    await pause(REST)
  }
  const name = `Node added to its route at ${PEERS} simulated nodes`
  say({ name, unit: 'ms', ours: median(times), ...atMost(GOALS.route) })
}

async function idle({ cluster }: BenchCluster, node: TestNode, say: Say): Promise<void> {
  await pause(SETTLE)
  const { cpu, rss } = await usage(cluster.agentPid(node))
  say({ name: `agent at ${PEERS} peers, idle: CPU`, unit: '%', ours: cpu, ...atMost(GOALS.cpu) })
  say({ name: `agent at ${PEERS} peers: RSS`, unit: 'MiB', ours: rss, ...atMost(GOALS.rss) })
}

async function restart(bench: BenchCluster, node: TestNode, watch: RouteWatch, say: Say): Promise<void> {
  const { cluster } = bench
  await cluster.killAgent(node)
  const before = watch.changes
  await cluster.startAgent(node, configOf(cluster, node, 'bgp'))
  await untilReady(cluster, node)
  const settled = async () => {
    const { routes } = await cluster.ask(node, '/routes')
    return routes.filter(({ state }) => state === 'installed').length === PEERS
  }
  await eventually(settled, 60_000)
  say({
    name: `restart with ${PEERS} unchanged routes`,
    unit: 'write',
    ours: watch.changes - before,
    ...atMost(0),
  })
}

/** As far as it can: what has not come up after a minute is given up. */
async function gobgp(node: TestNode, simulated: Simulated, say: Say): Promise<void> {
  const nodes = Array.from({ length: PEERS }, (_, index) => simulatedNode(index))
  // It may have to be built first.
  await gobgpProgram()
  const started = performance.now()
  await using program = await startGobgpMesh(node.netns, nodes)
  const end = started + GIVE_UP
  while (simulated.established < PEERS && performance.now() < end) await pause(20)
  if (simulated.established < PEERS) {
    process.stderr.write(
      `GoBGP is given up: ${simulated.established} of ${PEERS} sessions after ${GIVE_UP / 1000} s\n`,
    )
    return
  }
  say({ name: `GoBGP: start to ${PEERS} sessions`, unit: 'ms', ours: performance.now() - started })
  await pause(SETTLE)
  const { cpu, rss } = await usage(program.pid)
  say({ name: `GoBGP at ${PEERS} peers, idle: CPU`, unit: '%', ours: cpu })
  say({ name: `GoBGP at ${PEERS} peers: RSS`, unit: 'MiB', ours: rss })
}

/** Percent of a processor, and MiB. */
async function usage(pid: number): Promise<{ readonly cpu: number; readonly rss: number }> {
  const before = machineTime([pid])
  const started = performance.now()
  await pause(WATCHED)
  const cpu = (timeBetween(before, machineTime([pid])) / (performance.now() - started)) * 100
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return { cpu, rss: Number(line?.[1]) / 1024 }
}

/** The process with all simulated nodes, in a namespace on the nodes' network. */
class Simulated implements AsyncDisposable {
  established = 0
  readonly #child: ChildProcess
  readonly #netns: string

  private constructor(child: ChildProcess, netns: string) {
    this.#child = child
    this.#netns = netns
  }

  static async start({ cluster }: BenchCluster, node: TestNode): Promise<Simulated> {
    const netns = `${cluster.network}-s`
    await run('ip', ['netns', 'add', netns])
    const addresses = Array.from({ length: PEERS + 1 }, (_, i) => `${simulatedNode(i).address}/16`)
    await batch(cluster.network, [
      `link add ports type veth peer name eth0 netns ${netns}`,
      'link set ports master nodes up',
    ])
    await batch(netns, [
      'link set lo up',
      'link set eth0 up',
      ...[`${SIMULATED_HOST}/24`, ...addresses].map((address) => `address add ${address} dev eth0`),
    ])
    await batch(node.netns, [`address add ${DEVICE.onLink} dev eth0`])
    const program = join(import.meta.dirname, 'network-mesh-peers.ts')
    const command = ['netns', 'exec', netns, process.execPath, program, String(PEERS + 1)]
    const child = spawn('ip', command, { stdio: ['pipe', 'pipe', 'inherit'] })
    const simulated = new Simulated(child, netns)
    await simulated.#listen()
    return simulated
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end()
    await new Promise((resolve) => this.#child.once('close', resolve))
    await run('ip', ['netns', 'delete', this.#netns])
  }

  /** Resolves when all of them listen. */
  #listen(): Promise<void> {
    let text = ''
    return new Promise((resolve) => {
      this.#child.stdout?.setEncoding('utf8').on('data', (part: string) => {
        const lines = (text + part).split('\n')
        text = lines.pop()!
        for (const line of lines) this.established = (JSON.parse(line) as FromSimulated).established
        resolve()
      })
    })
  }
}

async function batch(netns: string, lines: readonly string[]): Promise<void> {
  await run('ip', ['-n', netns, '-batch', '-'], { input: `${lines.join('\n')}\n` })
}

export const LARGE_MESH: NetworkCase = { name: 'mesh-500', run: largeMesh }
