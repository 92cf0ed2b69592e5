/** Metrics of the BGP sessions. */
import type { PeerSnapshot } from 'bgp-speaker-ts/snapshot.ts'
import { Gauge, type Registry } from 'prom-client'
import type { AgentState } from '../admin/pages.ts'

const LABELS = ['peer', 'name'] as const

export function declareBgpMetrics(registry: Registry, state: AgentState): void {
  const perPeer = (name: string, help: string, value: (peer: PeerSnapshot) => number) => {
    new Gauge({
      name,
      help,
      labelNames: LABELS,
      registers: [registry],
      collect() {
        this.reset()
        for (const peer of state.network?.peers() ?? [])
          this.set({ peer: peer.address, name: peer.name }, value(peer))
      },
    })
  }
  perPeer('podroute_bgp_session_up', '1 while the session is established', (p) =>
    p.state === 'established' ? 1 : 0,
  )
  perPeer(
    'podroute_bgp_sessions_established_total',
    'Times that the session came up',
    (p) => p.counters.established,
  )
  perPeer(
    'podroute_bgp_prefixes_received',
    'Prefixes that the peer announces',
    (p) => p.counters.prefixesReceived,
  )
  perPeer(
    'podroute_bgp_prefixes_accepted',
    'Prefixes that the import policy took',
    (p) => p.counters.prefixesAccepted,
  )
  perPeer(
    'podroute_bgp_prefixes_advertised',
    'Prefixes that the peer is told',
    (p) => p.counters.prefixesAdvertised,
  )
  perPeer(
    'podroute_bgp_messages_received_total',
    'Messages from the peer',
    (p) => p.counters.messagesReceived,
  )
  perPeer('podroute_bgp_messages_sent_total', 'Messages to the peer', (p) => p.counters.messagesSent)
  declareRejects(registry, state)
}

function declareRejects(registry: Registry, state: AgentState): void {
  new Gauge({
    name: 'podroute_bgp_rejected_total',
    help: 'Announcements that were not taken, by reason',
    labelNames: [...LABELS, 'reason'],
    registers: [registry],
    collect() {
      this.reset()
      for (const peer of state.network?.peers() ?? []) {
        for (const [reason, count] of Object.entries(peer.counters.rejected)) {
          this.set({ peer: peer.address, name: peer.name, reason }, count)
        }
      }
    },
  })
}
