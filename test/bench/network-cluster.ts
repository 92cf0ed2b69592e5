/** Agents in namespaces beside a real API server, whose Nodes a benchmark writes: nobody else changes any. */
import { readFile } from 'node:fs/promises'
import { ROUTE_PROTOCOL } from '@podroute/kernel/route-protocol.ts'
import { watchRoutes } from '@podroute/linux/route/monitor.ts'
import { TABLE_MAIN } from '@podroute/linux/route/rtnetlink.ts'
import { agentSettings } from '../../deploy/manifest.ts'
import { AgentCluster, agentConfig } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { eventually } from '../support/eventually.ts'
import { ApiWriter } from './services-api.ts'

export type Routing = 'bgp' | 'api' | 'none'

export interface BenchCluster extends AsyncDisposable {
  readonly cluster: AgentCluster
  readonly api: ApiWriter
}

export async function startBenchCluster(name: string): Promise<BenchCluster> {
  // Agents are measured as the DaemonSet starts them.
  Object.assign(process.env, agentSettings().env)
  const cluster = await AgentCluster.start(name)
  // They would give Nodes prefixes, and take those that are not Ready for dead.
  await cluster.stopComponent('kube-controller-manager')
  await cluster.stopComponent('kube-scheduler')
  const api = new ApiWriter(await readFile(cluster.control.kubeconfig, 'utf8'), cluster.network)
  return {
    ...{ cluster, api },
    async [Symbol.asyncDispose]() {
      api[Symbol.dispose]()
      await cluster[Symbol.asyncDispose]()
    },
  }
}

export function configOf(cluster: AgentCluster, node: TestNode, routing: Routing): string {
  const more = `podNetwork: { routing: ${routing},`
  // A mesh of all, however many there are.
  const mesh = 'bgp: { reflectors: off }'
  return agentConfig(cluster.conflist(node), mesh).replace('podNetwork: {', more).replace('debug', 'info')
}

/** The routes of podroute in a node's kernel, as it tells of them. */
export class RouteWatch implements Disposable {
  readonly routes = new Set<string>()
  /** Announcements, ours and those of others. */
  changes = 0
  readonly #monitor: Disposable
  readonly #waiting = new Set<() => void>()

  constructor(node: TestNode) {
    const onRoute: Parameters<typeof watchRoutes>[0]['onRoute'] = (
      change,
      { protocol, table, destination },
    ) => {
      if (protocol !== ROUTE_PROTOCOL || table !== TABLE_MAIN) return
      this.changes++
      if (change === 'add') this.routes.add(destination)
      else this.routes.delete(destination)
      for (const look of [...this.#waiting]) look()
    }
    const onOverrun = () => {
      throw new Error('the kernel has told more than was heard')
    }
    this.#monitor = watchRoutes({ onRoute, onOverrun }, { netns: node.netns })
  }

  /** Resolves at the announcement with which it holds. @throws Error after `limit` milliseconds */
  until(holds: (routes: ReadonlySet<string>) => boolean, limit = 60_000): Promise<void> {
    if (holds(this.routes)) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!holds(this.routes)) return
        this.#waiting.delete(look)
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(() => {
        this.#waiting.delete(look)
        reject(new Error(`not within ${limit} ms, with ${this.routes.size} routes`))
      }, limit)
      this.#waiting.add(look)
    })
  }

  [Symbol.dispose](): void {
    this.#monitor[Symbol.dispose]()
  }
}

export function untilReady(cluster: AgentCluster, node: TestNode): Promise<unknown> {
  return eventually(async () => (await cluster.ask(node, '/status')).ready, 60_000)
}
