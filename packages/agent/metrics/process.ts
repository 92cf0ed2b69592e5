/** Metrics of the agent itself: version, readiness, memory, CPU. */
import { isReady } from '@podroute/feature/condition.ts'
import type { DeclareMetric } from '@podroute/feature/metric.ts'
import type { AgentState } from '../admin/pages.ts'

export function declareProcessMetrics(declare: DeclareMetric, state: AgentState): void {
  declare.metric({
    name: 'podroute_info',
    help: 'Version of the agent',
    labelNames: ['version', 'node'],
    read: (sample) => sample(1, { version: state.version, node: state.nodeName }),
  })
  declare.metric({
    name: 'podroute_condition',
    help: '1 for each condition of readiness that holds',
    labelNames: ['condition'],
    read(sample) {
      for (const { name, ok } of state.conditions()) sample(ok ? 1 : 0, { condition: name })
    },
  })
  declare.metric({
    name: 'podroute_ready',
    help: '1 while the node has its network: all conditions hold that are not only told',
    read: (sample) => sample(isReady(state.conditions()) ? 1 : 0),
  })
  const simple = (name: string, help: string, value: () => number) =>
    declare.metric({ name, help, read: (sample) => sample(value()) })
  simple('process_resident_memory_bytes', 'Resident memory', () => process.memoryUsage.rss())
  simple('process_cpu_seconds_total', 'User and system CPU time', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  simple('podroute_events_total', 'Events that were sent to the API server', () => state.noise().events.said)
  simple(
    'podroute_events_held_back_total',
    'Events that were only counted, because more like them came',
    () => state.noise().events.heldBack,
  )
  simple(
    'podroute_log_lines_held_back_total',
    'Lines of the log that were only counted, because too many of their message came',
    () => state.noise().linesHeldBack,
  )
  simple('podroute_starts_total', 'Starts of the agent since the node booted', () => state.runs.starts)
  simple('process_start_time_seconds', 'Start of the process since the epoch', () =>
    Math.round(performance.timeOrigin / 1000),
  )
}
