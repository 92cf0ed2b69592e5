/** A mesh of 500 simulated nodes around one agent, and around GoBGP with the same sessions. */
import type { TestNode } from '../support/agent-network.ts'
import { eventually } from '../support/eventually.ts'
import { gobgpProgram } from './bgp-gobgp.ts'
import { idleUsage } from './idle-usage.ts'
import type { NetworkCase, Say } from './network-case.ts'
import { type BenchCluster, configOf, RouteWatch, startBenchCluster, untilReady } from './network-cluster.ts'
import { startGobgpMesh } from './network-gobgp.ts'
import { simulatedNode } from './network-mesh-scenario.ts'
import { Simulated } from './network-simulated.ts'
import { median } from './report.ts'

const PEERS = 500
const ROUNDS = 9
const REST = 500
const GIVE_UP = 60_000
const GOALS = { route: 500, cpu: 0.2, rss: 90 }

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))
const atMost = (value: number) => ({ goal: { kind: 'max', value } as const })

/** The agent with all its sessions. */
interface Mesh extends AsyncDisposable {
  readonly bench: BenchCluster
  readonly node: TestNode
  readonly watch: RouteWatch
  readonly simulated: Simulated
}

async function startMesh(say: Say): Promise<Mesh> {
  await using stack = new AsyncDisposableStack()
  const bench = stack.use(await startBenchCluster('bench-mesh'))
  const node = await bench.cluster.addNamespace()
  const simulated = stack.use(await Simulated.start(bench, node, PEERS))
  const { api, cluster } = bench
  await api.addNode({ name: node.name, address: node.ipv4, podCIDR: '10.244.1.0/24' })
  await Promise.all(Array.from({ length: PEERS }, (_, index) => api.addNode(simulatedNode(index))))
  const watch = stack.use(new RouteWatch(node))
  const started = performance.now()
  await cluster.startAgent(node, configOf(cluster, node, 'bgp'))
  await watch.until((routes) => routes.size === PEERS)
  say({ name: `start to ${PEERS} routes`, unit: 'ms', ours: performance.now() - started })
  await untilReady(cluster, node)
  const kept = stack.move()
  return { bench, node, watch, simulated, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

async function largeMesh(say: Say): Promise<void> {
  await using mesh = await startMesh(say)
  const { bench, node, watch } = mesh
  await nodeToRoute(bench, watch, say)
  await restart(bench, node, watch, say)
}

async function idleMesh(say: Say): Promise<void> {
  await using mesh = await startMesh(say)
  await idle(mesh.bench, mesh.node, say)
}

async function gobgpMesh(say: Say): Promise<void> {
  await using mesh = await startMesh(say)
  const { bench, node, simulated } = mesh
  await bench.cluster.killAgent(node)
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
  const { cpu, rss, waited } = await idleUsage(cluster.agentPid(node))
  say({ name: `agent at ${PEERS} peers: waited until calm`, unit: 's', ours: waited })
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
  const { cpu, rss } = await idleUsage(program.pid)
  say({ name: `GoBGP at ${PEERS} peers, idle: CPU`, unit: '%', ours: cpu })
  say({ name: `GoBGP at ${PEERS} peers: RSS`, unit: 'MiB', ours: rss })
}

export const LARGE_MESH: NetworkCase = { name: 'mesh-500', run: largeMesh }
export const IDLE_MESH: NetworkCase = { name: 'mesh-500-idle', run: idleMesh }
export const GOBGP_MESH: NetworkCase = { name: 'mesh-500-gobgp', run: gobgpMesh }
