/** Metrics of the BGP sessions. */
import type { DeclareMetric } from '@podroute/feature/metric.ts'
import type { PeerSnapshot } from 'bgp-speaker-ts/snapshot.ts'
import type { NamedPeer } from './snapshot.ts'

type Peers = () => readonly NamedPeer[]

const LABELS = ['peer', 'name'] as const

export function declareBgpMetrics(declare: DeclareMetric, peers: Peers): void {
  const perPeer = (name: string, help: string, value: (peer: PeerSnapshot) => number) =>
    declare.metric({
      name,
      help,
      labelNames: LABELS,
      read(sample) {
        for (const peer of peers()) sample(value(peer), { peer: peer.address, name: peer.name })
      },
    })
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
  declareRejects(declare, peers)
}

function declareRejects(declare: DeclareMetric, peers: Peers): void {
  declare.metric({
    name: 'podroute_bgp_rejected_total',
    help: 'Announcements that were not taken, by reason',
    labelNames: [...LABELS, 'reason'],
    read(sample) {
      for (const peer of peers()) {
        for (const [reason, count] of Object.entries(peer.counters.rejected))
          sample(count, { peer: peer.address, name: peer.name, reason })
      }
    },
  })
}
