/** `podroute peers`: the BGP sessions of this node. */
import type { NamedPeer } from '@podroute/pod-network/snapshot.ts'
import type { DownReason } from 'bgp-speaker-ts/snapshot.ts'
import type { ReportCommand } from '../command.ts'
import { dash, duration, table } from '../format.ts'

export const peers: ReportCommand<'/peers'> = {
  name: 'peers',
  summary: 'the BGP sessions of this node',
  page: '/peers',
  print: (report) =>
    report.peers.length === 0
      ? 'no peers'
      : table(
          ['NAME', 'ADDRESS', 'AS', 'STATE', 'UP', 'RECEIVED', 'ACCEPTED', 'SENT', 'LAST DOWN'],
          report.peers.map(row),
        ),
}

function row(peer: NamedPeer): string[] {
  const { prefixesReceived, prefixesAccepted, prefixesAdvertised } = peer.counters
  return [
    peer.name,
    peer.address,
    String(peer.asn),
    peer.state,
    peer.uptime === undefined ? '-' : duration(peer.uptime / 1000),
    ...[prefixesReceived, prefixesAccepted, prefixesAdvertised].map(String),
    dash(peer.lastDown && reason(peer.lastDown)),
  ]
}

function reason(down: DownReason): string {
  switch (down.kind) {
    case 'notification-received':
    case 'notification-sent':
      return `${down.kind === 'notification-sent' ? 'sent' : 'received'} ${down.text}${down.communication ? `: ${down.communication}` : ''}`
    case 'connection-failed':
      return down.error
    case 'connection-closed':
      return down.error ?? 'closed'
  }
}
