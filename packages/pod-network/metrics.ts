/** Metrics of the BGP sessions. */
import type { DeclareMetric } from '@podroute/feature/metric.ts'
import type { FamilyCounts, PeerSnapshot } from 'bgp-speaker-ts/snapshot.ts'
import type { PathState } from './bgp/bfd/monitor.ts'
import type { NamedPeer } from './snapshot.ts'

type Peers = () => readonly NamedPeer[]

const LABELS = ['peer', 'name'] as const

export function declareBgpMetrics(declare: DeclareMetric, peers: Peers, asn: () => number): void {
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
  declarePrefixes(declare, peers)
  perPeer(
    'podroute_bgp_messages_received_total',
    'Messages from the peer',
    (p) => p.counters.messagesReceived,
  )
  perPeer(
    'podroute_bgp_routes_kept',
    '1 while routes of a session that ended are kept (RFC 4724, 9494)',
    (p) => (p.stale && p.state !== 'established' ? 1 : 0),
  )
  declarePaths(declare, peers)
  declare.metric({
    name: 'kube_router_controller_bgp_peers',
    help: 'BGP peers, under the name that kube-router has for it',
    labelNames: [],
    read: (sample) => sample(peers().length, {}),
  })
  declarePeerInfo(declare, peers, asn)
  perPeer('podroute_bgp_messages_sent_total', 'Messages to the peer', (p) => p.counters.messagesSent)
  declareRejects(declare, peers)
}

/** By the families that are configured, so that a series is there whether or not the session is. */
function declarePrefixes(declare: DeclareMetric, peers: Peers): void {
  const perFamily = (name: string, help: string, count: (of: FamilyCounts) => number) =>
    declare.metric({
      ...{ name, help, labelNames: [...LABELS, 'family'] },
      read(sample) {
        for (const { address: peer, name, counters } of peers())
          for (const each of counters.byFamily) sample(count(each), { peer, name, family: each.family })
      },
    })
  perFamily('podroute_bgp_prefixes_received', 'Prefixes that the peer announces', ({ received }) => received)
  perFamily(
    'podroute_bgp_prefixes_accepted',
    'Prefixes that the import policy took',
    ({ accepted }) => accepted,
  )
  perFamily(
    'podroute_bgp_prefixes_advertised',
    'Prefixes that the peer is told',
    ({ advertised }) => advertised,
  )
}

/** Of peers whose path is watched. */
function declarePaths(declare: DeclareMetric, peers: Peers): void {
  const perPath = (name: string, help: string, value: (path: PathState) => number) =>
    declare.metric({
      ...{ name, help, labelNames: LABELS },
      read(sample) {
        for (const { address: peer, name, bfd } of peers()) if (bfd) sample(value(bfd), { peer, name })
      },
    })
  perPath('podroute_bfd_session_up', '1 while BFD finds the path to the peer good', ({ state }) =>
    state === 'up' ? 1 : 0,
  )
  perPath(
    'podroute_bfd_sessions_down_total',
    'Times that BFD lost the path to the peer',
    ({ downs }) => downs,
  )
}

/** As kube-router has it: names of states without hyphens, `internal` for peers of the own AS. */
function declarePeerInfo(declare: DeclareMetric, peers: Peers, ownAsn: () => number): void {
  declare.metric({
    name: 'kube_router_bgp_peer_info',
    help: '1 for each BGP peer with the state of its session, under the name that kube-router has for it',
    labelNames: ['address', 'type', 'asn', 'state'],
    read(sample) {
      const own = ownAsn()
      for (const { address, asn, state } of peers()) {
        const type = asn === own || asn === 'internal' ? 'internal' : 'external'
        const known = typeof asn === 'number' ? String(asn) : ''
        sample(1, { address, type, asn: known, state: state.replace('-', '') })
      }
    },
  })
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
