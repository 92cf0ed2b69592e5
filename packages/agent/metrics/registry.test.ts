import type { PodNetwork } from '@podroute/pod-network/pod-network.ts'
import type { NamedPeer } from '@podroute/pod-network/snapshot.ts'
import { expect } from 'chai'
import type { AgentState } from '../admin/pages.ts'
import { createRegistry } from './registry.ts'

const peer = {
  name: 'node-2',
  address: '172.30.0.12',
  state: 'established',
  counters: {
    established: 2,
    prefixesReceived: 3,
    prefixesAccepted: 2,
    prefixesAdvertised: 1,
    messagesReceived: 40,
    messagesSent: 41,
    rejected: { 'outside-pod-cidrs': 1 },
  },
} as unknown as NamedPeer

function stateWith(peers: readonly NamedPeer[]): AgentState {
  const network = {
    peers: () => peers,
    conditions: () => [{ name: 'node', ok: true, detail: '' }],
    stats: () => ({ routes: { desired: 2, applied: 1, pending: 1, failed: 0, repaired: 3 } }),
  } as unknown as PodNetwork
  const watch = { connected: true, objects: 5, lists: 1, events: 7, failures: 0, skipped: 0 }
  return {
    version: '0.1.0',
    nodeName: 'node-1',
    network,
    services: undefined,
    apiServer: () => '',
    watches: () => [{ ...watch, name: 'nodes', synced: true, lastError: undefined }],
  }
}

describe('metrics', () => {
  it('have these names and types', async () => {
    const metrics = await createRegistry(stateWith([peer])).getMetricsAsJSON()
    expect(metrics.map(({ name, type }) => `${name} ${type}`).sort()).to.deep.equal([
      'podroute_bgp_messages_received_total counter',
      'podroute_bgp_messages_sent_total counter',
      'podroute_bgp_prefixes_accepted gauge',
      'podroute_bgp_prefixes_advertised gauge',
      'podroute_bgp_prefixes_received gauge',
      'podroute_bgp_rejected_total counter',
      'podroute_bgp_session_up gauge',
      'podroute_bgp_sessions_established_total counter',
      'podroute_condition gauge',
      'podroute_info gauge',
      'podroute_table_applied gauge',
      'podroute_table_desired gauge',
      'podroute_table_failing gauge',
      'podroute_table_pending gauge',
      'podroute_table_repaired_total counter',
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
    const peers = [peer]
    const registry = createRegistry(stateWith(peers))
    await registry.metrics()
    const text = await registry.metrics()
    const labels = 'peer="172.30.0.12",name="node-2"'
    expect(text).to.include(`podroute_bgp_session_up{${labels}} 1\n`)
    expect(text).to.include(`podroute_bgp_messages_received_total{${labels}} 40\n`)
    expect(text).to.include(`podroute_bgp_rejected_total{${labels},reason="outside-pod-cidrs"} 1\n`)
    expect(text).to.include('podroute_table_repaired_total{table="network/routes"} 3\n')
    expect(text).to.include('podroute_watch_events_total{kind="nodes"} 7\n')
    peers.pop()
    expect(await registry.metrics()).to.not.include(labels)
  })
})
