/** Metrics of the agent itself: version, readiness, memory, CPU. */
import { Gauge, type Registry } from 'prom-client'
import type { AgentState } from '../admin/pages.ts'
import { agentConditions } from '../conditions.ts'

export function declareProcessMetrics(registry: Registry, state: AgentState): void {
  const registers = [registry]
  new Gauge({
    name: 'podroute_info',
    help: 'Version of the agent',
    labelNames: ['version', 'node'],
    registers,
    collect() {
      this.set({ version: state.version, node: state.nodeName }, 1)
    },
  })
  new Gauge({
    name: 'podroute_condition',
    help: '1 for each condition of readiness that holds',
    labelNames: ['condition'],
    registers,
    collect() {
      for (const { name, ok } of agentConditions(state.network, state.services))
        this.set({ condition: name }, ok ? 1 : 0)
    },
  })
  const simple = (name: string, help: string, value: () => number) => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value())
      },
    })
  }
  simple('process_resident_memory_bytes', 'Resident memory', () => process.memoryUsage.rss())
  simple('process_cpu_seconds_total', 'User and system CPU time', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  simple('process_start_time_seconds', 'Start of the process since the epoch', () =>
    Math.round(performance.timeOrigin / 1000),
  )
}
