/** Three nodes: from a Node in the API, and from a changed configuration file, to the routes in the kernels. */

import type { NetworkCase, Say } from './network-case.ts'
import type { BenchCluster, Routing } from './network-cluster.ts'
import { configOf, RouteWatch, startBenchCluster, untilReady } from './network-cluster.ts'
import { median } from './report.ts'

const ROUNDS = 9
/** Sessions that end are over, and timers of the last round with them, in milliseconds. */
const REST = 500
const NODE_GOAL = 100
const CONFIG_GOAL = 200

const prefixOf = (n: number) => `10.244.${n}.0/24`
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

async function threeNodes(say: Say): Promise<void> {
  await using bench = await startBenchCluster('bench-nodes')
  const { cluster, api } = bench
  for (let n = 1; n <= 3; n++) {
    const node = await cluster.addNamespace()
    await api.addNode({ name: node.name, address: node.ipv4, podCIDR: prefixOf(n) })
    await cluster.startAgent(node, configOf(cluster, node, 'bgp'))
  }
  for (const node of cluster.nodes) await untilReady(cluster, node)
  await nodeToRoutes(bench, 'bgp', say)
  await configuration(bench, say)
  for (const node of cluster.nodes) await cluster.configure(node, configOf(cluster, node, 'api'))
  await nodeToRoutes(bench, 'api', say)
}

/** The third Node, whose agent runs and waits for it, comes and goes. */
async function nodeToRoutes({ cluster, api }: BenchCluster, routing: Routing, say: Say): Promise<void> {
  const [one, two, three] = cluster.nodes
  const object = { name: three!.name, address: three!.ipv4, podCIDR: prefixOf(3) }
  using first = new RouteWatch(one!)
  using second = new RouteWatch(two!)
  const times: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    await api.removeNode(object)
    if (round > 0)
      await Promise.all([first, second].map((w) => w.until((routes) => !routes.has(object.podCIDR))))
    await pause(REST)
    const started = performance.now()
    await api.addNode(object)
    await Promise.all([first, second].map((watch) => watch.until((routes) => routes.has(object.podCIDR))))
    // The first round warms up.
    if (round > 0) times.push(performance.now() - started)
  }
  const name = `Node added to routes at 3 nodes, routing: ${routing}`
  say({ name, unit: 'ms', ours: median(times), goal: { kind: 'max', value: NODE_GOAL } })
}

/** The file of the first node says that it routes nothing, and then again that it does. */
async function configuration({ cluster }: BenchCluster, say: Say): Promise<void> {
  const [one] = cluster.nodes
  using watch = new RouteWatch(one!)
  const times: number[] = []
  for (let round = 0; round <= 2 * ROUNDS; round++) {
    const routing = round % 2 === 0 ? 'none' : 'api'
    await cluster.configure(one!, configOf(cluster, one!, routing))
    const started = performance.now()
    await watch.until((routes) => (routing === 'api' ? routes.has(prefixOf(2)) : !routes.has(prefixOf(2))))
    if (round > 0) times.push(performance.now() - started)
    await pause(REST)
  }
  const goal = { kind: 'max', value: CONFIG_GOAL } as const
  say({ name: 'configuration file to its effect in the kernel', unit: 'ms', ours: median(times), goal })
}

export const THREE_NODES: NetworkCase = { name: 'nodes-3', run: threeNodes }
