/** All metrics of the agent, filled when they are scraped. */
import { Registry } from 'prom-client'
import type { AgentState } from '../admin/pages.ts'
import type { Handler } from '../http.ts'
import { declareBgpMetrics } from './bgp.ts'
import { declareProcessMetrics } from './process.ts'
import { declareTableMetrics } from './tables.ts'
import { declareWatchMetrics } from './watches.ts'

export function createRegistry(state: AgentState): Registry {
  const registry = new Registry()
  declareProcessMetrics(registry, state)
  declareTableMetrics(registry, state)
  declareBgpMetrics(registry, state)
  declareWatchMetrics(registry, state)
  state.services?.metrics?.registerWith(registry)
  return registry
}

export function metricsPage(registry: Registry): Handler {
  return async (path) => {
    if (path !== '/metrics') return undefined
    return { status: 200, type: registry.contentType, body: await registry.metrics() }
  }
}
