/** Metrics of the agent itself: version, readiness, memory, CPU. */
import type { Registry } from 'prom-client'
import type { AgentState } from '../admin/pages.ts'
import { agentConditions } from '../conditions.ts'
import { declareMetric } from './declare.ts'

export function declareProcessMetrics(registry: Registry, state: AgentState): void {
  declareMetric(registry, {
    name: 'podroute_info',
    help: 'Version of the agent',
    labelNames: ['version', 'node'],
    read: (sample) => sample(1, { version: state.version, node: state.nodeName }),
  })
  declareMetric(registry, {
    name: 'podroute_condition',
    help: '1 for each condition of readiness that holds',
    labelNames: ['condition'],
    read(sample) {
      for (const { name, ok } of agentConditions(state.network, state.services))
        sample(ok ? 1 : 0, { condition: name })
    },
  })
  const simple = (name: string, help: string, value: () => number) =>
    declareMetric(registry, { name, help, read: (sample) => sample(value()) })
  simple('process_resident_memory_bytes', 'Resident memory', () => process.memoryUsage.rss())
  simple('process_cpu_seconds_total', 'User and system CPU time', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  simple('process_start_time_seconds', 'Start of the process since the epoch', () =>
    Math.round(performance.timeOrigin / 1000),
  )
}
