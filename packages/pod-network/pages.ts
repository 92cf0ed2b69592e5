/** What `podroute nodes`, `podroute peers` and `podroute routes` show. */
import { duration } from '@podroute/feature/duration.ts'
import type { Page } from '@podroute/feature/page.ts'
import { downText, whyNone } from './bgp/ends/down-text.ts'
import type { RouteSnapshot } from './route-sources/route-report.ts'
import type { NamedPeer } from './snapshot.ts'
import type { KeyReport } from './status.ts'

export interface NodesReport {
  readonly nodes: readonly KeyReport[]
}

export interface PeersReport {
  readonly peers: readonly NamedPeer[]
}

export interface RoutesReport {
  readonly routes: readonly RouteSnapshot[]
}

export function nodesPage(nodes: () => readonly KeyReport[]): Page<NodesReport> {
  return {
    name: 'nodes',
    summary: 'the Nodes and routers that this node knows, and whether it reaches their pods',
    data: () => ({ nodes: nodes() }),
    tables: (report) => [
      {
        columns: ['NAME', 'KIND', 'POD PREFIXES', 'ADDRESSES', 'STATE', 'FOR', 'WHY'],
        rows: report.nodes.map(nodeRow),
        empty: 'no nodes',
      },
    ],
  }
}

export function peersPage(peers: () => readonly NamedPeer[]): Page<PeersReport> {
  return {
    name: 'peers',
    summary: 'the BGP sessions of this node',
    data: () => ({ peers: peers() }),
    tables: (report) => [
      {
        columns: [
          ...['NAME', 'ADDRESS', 'AS', 'ROLE', 'STATE', 'UP', 'RECEIVED', 'ACCEPTED', 'SENT'],
          ...['BFD', 'RESTART', 'LAST DOWN'],
        ],
        rows: report.peers.map(peerRow),
        empty: 'no peers',
      },
    ],
  }
}

export function routesPage(routes: () => readonly RouteSnapshot[]): Page<RoutesReport> {
  return {
    name: 'routes',
    summary: 'learned routes, and those that were refused',
    data: () => ({ routes: routes() }),
    tables: (report) => [
      {
        columns: ['DESTINATION', 'VIA', 'NODE', 'STATE', 'FROM', 'DETAIL'],
        rows: report.routes.map(routeRow),
        empty: 'no routes',
      },
    ],
  }
}

function nodeRow(node: KeyReport): string[] {
  return [
    node.name,
    node.role === undefined ? node.kind : `${node.kind}, ${node.role}`,
    node.podCIDRs.join(' '),
    node.addresses.join(' '),
    node.state,
    node.for === undefined ? '' : duration(node.for / 1000),
    node.reasons.join('; '),
  ]
}

function routeRow({ destination, gateways, node, state, from, detail }: RouteSnapshot): string[] {
  return [destination, gateways.join(' '), node, state, from.join(' '), detail]
}

function peerRow(peer: NamedPeer): string[] {
  const { prefixesReceived, prefixesAccepted, prefixesAdvertised } = peer.counters
  return [
    peer.description ?? peer.name,
    peer.address,
    String(peer.asn),
    peer.meshRole ?? '',
    peer.state,
    peer.uptime === undefined ? '' : duration(peer.uptime / 1000),
    ...[prefixesReceived, prefixesAccepted, prefixesAdvertised].map(String),
    peer.bfd === undefined ? '' : peer.bfd.state,
    restartText(peer),
    lastDownText(peer),
  ]
}

function lastDownText({ lastDown, state }: NamedPeer): string {
  if (lastDown === undefined) return ''
  return state === 'established' ? downText(lastDown) : whyNone(lastDown)
}

/** While it is away: what is kept of it. Else for how long it would be: `120s`, after errors, too (RFC 8538), and long-lived (RFC 9494). */
function restartText({ stale, longLivedStale, capabilities }: NamedPeer): string {
  if (longLivedStale) return 'long-lived stale'
  if (stale) return 'stale'
  const { gracefulRestart: restart, longLived } = capabilities ?? {}
  if (restart === undefined) return ''
  const most = Math.max(0, ...Object.values(longLived ?? {}))
  return `${restart.time}s${restart.notification ? ' errors' : ''}${most > 0 ? ` +${most}s` : ''}`
}
