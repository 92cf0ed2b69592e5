/** All metrics of the agent, filled when they are scraped. */

import { declareWith } from '@podroute/feature/declare-metric.ts'
import type { Handler } from '@podroute/feature/listener.ts'
import { Registry } from 'prom-client'
import type { AgentState } from '../admin/pages.ts'
import { declareProcessMetrics } from './process.ts'
import { declareTableMetrics } from './tables.ts'
import { declareWatchMetrics } from './watches.ts'

export function createRegistry(state: AgentState): Registry {
  const registry = new Registry()
  const declare = declareWith(registry)
  declareProcessMetrics(declare, state)
  declareTableMetrics(declare, state)
  declareWatchMetrics(declare, state)
  for (const { feature } of state.features()) feature.declareMetrics(declare)
  return registry
}

/** Made anew for each scrape: features come and go. */
export function metricsPage(create: () => Registry): Handler {
  return async (path) => {
    if (path !== '/metrics') return undefined
    const registry = create()
    return { status: 200, type: registry.contentType, body: await registry.metrics() }
  }
}
