import type { Feature } from '@podroute/feature/feature.ts'
import { expect } from 'chai'
import type { AgentState } from '../admin/pages.ts'
import { createRegistry } from './registry.ts'

/** A feature that counts two kinds of toys. */
function stateWith(toys: readonly string[]): AgentState {
  const feature = {
    declareMetrics(declare) {
      declare.metric({
        name: 'podroute_toys',
        help: 'Toys by colour',
        labelNames: ['colour'],
        read(sample) {
          for (const colour of toys) sample(1, { colour })
        },
      })
    },
    stats: () => ({ shelf: { desired: 2, applied: 1, pending: 1, failed: 0, repaired: 3 } }),
  } as Pick<Feature, 'declareMetrics' | 'stats'> as Feature
  const watch = { connected: true, objects: 5, lists: 1, events: 7, failures: 0, skipped: 0 }
  return {
    version: '0.1.0',
    nodeName: 'node-1',
    runs: { starts: 2 },
    features: () => [{ name: 'toys', feature }],
    conditions: () => [{ name: 'node', ok: true, detail: '' }],
    apiServer: () => '',
    pages: [],
    noise: () => ({ events: { said: 1, heldBack: 2 }, linesHeldBack: 3 }),
    watches: () => [
      { ...watch, name: 'nodes', synced: true, lastError: undefined },
      {
        ...{ ...watch, name: 'odd', connected: false, synced: true },
        ...{ lastError: 'not found', unavailable: 'not-served' },
      },
    ],
  }
}

describe('metrics', () => {
  it('have these names and types', async () => {
    const metrics = await createRegistry(stateWith(['red'])).getMetricsAsJSON()
    expect(metrics.map(({ name, type }) => `${name} ${type}`).sort()).to.deep.equal([
      'podroute_condition gauge',
      'podroute_events_held_back_total counter',
      'podroute_events_total counter',
      'podroute_info gauge',
      'podroute_log_lines_held_back_total counter',
      'podroute_ready gauge',
      'podroute_starts_total counter',
      'podroute_table_applied gauge',
      'podroute_table_desired gauge',
      'podroute_table_failing gauge',
      'podroute_table_pending gauge',
      'podroute_table_repaired_total counter',
      'podroute_toys gauge',
      'podroute_watch_connected gauge',
      'podroute_watch_events_total counter',
      'podroute_watch_failures_total counter',
      'podroute_watch_lists_total counter',
      'podroute_watch_objects gauge',
      'podroute_watch_skipped_total counter',
      'process_cpu_seconds_total counter',
      'process_resident_memory_bytes gauge',
      'process_start_time_seconds gauge',
    ])
  })

  it('are read when they are scraped, and forget what is gone', async () => {
    const toys = ['red', 'blue']
    const registry = createRegistry(stateWith(toys))
    await registry.metrics()
    const text = await registry.metrics()
    expect(text).to.include('podroute_toys{colour="blue"} 1\n')
    expect(text).to.include('podroute_table_repaired_total{table="toys/shelf"} 3\n')
    expect(text).to.include('podroute_watch_events_total{kind="nodes"} 7\n')
    // No watch of a kind that the API server does not have was lost.
    expect(text)
      .to.include('podroute_watch_connected{kind="nodes"} 1\n')
      .and.not.match(/connected.*odd/)
    expect(text).to.include('podroute_watch_objects{kind="odd"} 5\n')
    toys.pop()
    expect(await registry.metrics()).to.not.include('blue')
  })
})
