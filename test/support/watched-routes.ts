/** Follows a node's routes, so that a test can say that none went away meanwhile. */
import { readFile } from 'node:fs/promises'
import type { AgentCluster } from './agent-cluster.ts'
import type { TestNode } from './agent-network.ts'
import { eventually } from './eventually.ts'

/** `stop` gives the routes of podroute that were deleted since. */
export async function watchRoutes(
  cluster: AgentCluster,
  node: TestNode,
): Promise<{ stop(): Promise<string[]> }> {
  const name = `monitor-${node.name}`
  const log = () => readFile(cluster.processes.logPath(name), 'utf8')
  /** A route that comes and goes: the kernel tells in order, so what stands between two marks is all there was. */
  const mark = async (prefix: string) => {
    for (const verb of ['add', 'delete']) await cluster.exec(node, 'ip', 'route', verb, 'blackhole', prefix)
    return (await log()).includes(`Deleted blackhole ${prefix}`)
  }
  await cluster.processes.start(name, ['ip', 'monitor', 'route'], { netns: node.netns })
  const before = (await log()).length
  const since = async () => (await log()).slice(before)
  await eventually(() => mark('192.0.2.0/25'))
  return {
    async stop() {
      await eventually(() => mark('192.0.2.128/25'))
      await cluster.processes.stop((other) => other === name)
      return (await since()).split('\n').filter((line) => /^Deleted .* proto 179/.test(line))
    },
  }
}
