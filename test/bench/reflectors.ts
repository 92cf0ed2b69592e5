/** A thousand nodes that choose reflectors among themselves; and beside the full mesh, of as many nodes as one process holds the mesh of. */
import type { NetworkCase, Say } from './network-case.ts'
import { BenchCluster, benchNodes } from './reflectors-cluster.ts'

const AUTO = { fromNodes: 100, perNode: 3 }
const MANY = 1000
/** Of these the mesh has 4,950 sessions; of a thousand nodes it would have 499,500, which no one machine holds. */
const FEW = 100
/** Each session sends a KEEPALIVE meanwhile. */
const IDLE = 30_000

interface Run {
  readonly start: Cost
  readonly change: Cost
  readonly idle: number
  readonly most: number
  readonly least: number
}

/** Milliseconds. */
interface Cost {
  readonly time: number
  readonly cpu: number
}

async function reflectors(say: Say): Promise<void> {
  const few = await measure(FEW, { ...AUTO, fromNodes: FEW / 2 }, say)
  const mesh = await measure(FEW, undefined)
  sayRun(`${FEW} nodes beside the mesh`, few, say, mesh)
  sayRun(`${MANY} nodes`, await measure(MANY, AUTO, say), say)
}

function sayRun(of: string, run: Run, say: Say, mesh?: Run): void {
  const figure = (name: string, unit: string, value: (run: Run) => number) =>
    say({
      ...{ name: `${of}: ${name}`, unit, ours: value(run) },
      ...(mesh ? { peer: value(mesh) } : {}),
    })
  figure('sessions of a client', 'sessions', ({ least }) => least)
  figure('most sessions of a reflector', 'sessions', ({ most }) => most)
  figure('all start until all routes', 'ms', ({ start }) => start.time)
  figure('the same, CPU of a node', 'ms', ({ start }) => start.cpu)
  figure('a new route until all have it', 'ms', ({ change }) => change.time)
  figure('the same, CPU of all nodes', 'ms', ({ change }) => change.cpu)
  figure('idle CPU of a node', '% of a core', ({ idle }) => idle)
}

/** @param say for what a reflector's death costs; absent: it is not measured */
async function measure(count: number, settings: typeof AUTO | undefined, say?: Say): Promise<Run> {
  const cluster = new BenchCluster(settings)
  const nodes = benchNodes(count)
  const start = await cost(
    () => cluster.start(nodes),
    () => cluster.isConverged(),
  )
  const names = nodes.map(({ name }) => name)
  const sessions = names.map((name) => cluster.sessionsOf(name))
  const client = names.find((name) => !cluster.reflectors.includes(name))!
  let prefix = ''
  const change = await cost(
    async () => {
      prefix = cluster.announce(client)
    },
    () => cluster.isKnown(prefix),
  )
  const idle = await idleCpu(count)
  if (say) await death(cluster, count, say)
  await cluster.close()
  return {
    start: { time: start.time, cpu: start.cpu / count },
    ...{ change, idle, most: Math.max(...sessions), least: Math.min(...sessions) },
  }
}

/** A reflector loses its power: nobody is without a route, and its clients get another one. */
async function death(cluster: BenchCluster, count: number, say: Say): Promise<void> {
  const [victim] = cluster.reflectors
  const before = cluster.gaps
  const { time, cpu } = await cost(
    async () => {
      cluster.fail(victim!)
      cluster.plan()
    },
    () => cluster.isSettled() && cluster.isConverged(),
  )
  cluster.release()
  const of = `${count} nodes: a reflector’s death`
  say({ name: `${of} until all sessions are up`, unit: 'ms', ours: time })
  say({ name: `${of}, CPU of a node`, unit: 'ms', ours: cpu / count })
  say({
    name: `${of}, routes lost`,
    unit: 'routes',
    ours: cluster.gaps - before,
    goal: { kind: 'max', value: 0 },
  })
}

async function cost(work: () => Promise<void>, done: () => boolean): Promise<Cost> {
  const started = performance.now()
  const cpu = process.cpuUsage()
  await work()
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 2))
  const { user, system } = process.cpuUsage(cpu)
  return { time: performance.now() - started, cpu: (user + system) / 1000 }
}

/** Of one node, in percent of a core. */
async function idleCpu(count: number): Promise<number> {
  const cpu = process.cpuUsage()
  await new Promise((resolve) => setTimeout(resolve, IDLE))
  const { user, system } = process.cpuUsage(cpu)
  return (user + system) / 10 / IDLE / count
}

export const REFLECTORS: NetworkCase = { name: 'reflectors', run: reflectors }
