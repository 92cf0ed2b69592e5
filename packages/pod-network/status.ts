/** Whether what each Node, router and Service needs on this node is in place, since when, and why not. */
import { gatewaysOf } from '@podroute/kernel/routes/next-hops.ts'
import type { Status, WantedKey } from '@podroute/reconcile/status.ts'
import { peerKey } from './bgp/peer-key.ts'
import type { MeshRoles, ShownRole } from './bgp/roles/mesh-roles.ts'
import type { BgpSessions } from './bgp/sessions.ts'
import type { BgpTables } from './bgp/tables.ts'
import { nameOf, type PlanKey, type PodNetworkKey } from './keys.ts'
import type { ClusterNodes } from './nodes/cluster-nodes.ts'
import type { Planner } from './planner.ts'
import type { RouteSources } from './route-sources/route-sources.ts'
import type { PodNetworkSettings } from './settings.ts'
import type { PodNetworkTables } from './tables.ts'

export interface KeyReport {
  /** Of the Node, or the address of the router. */
  readonly name: string
  readonly kind: 'this node' | 'node' | 'router'
  /** Of a Node, where it is not one of the mesh like others. */
  readonly role?: ShownRole
  readonly podCIDRs: readonly string[]
  readonly addresses: readonly string[]
  readonly state: Status['state']
  /** Milliseconds that it has been so; undefined where that is not known. */
  readonly for: number | undefined
  readonly reasons: readonly string[]
}

export interface KeyFacts {
  readonly nodeName: string
  readonly settings: PodNetworkSettings
  readonly nodes: ClusterNodes
  readonly tables: PodNetworkTables & BgpTables
  readonly planner: Pick<Planner, 'peerOf' | 'serviceAddresses' | 'podPrefixes' | 'discards'>
  readonly sessions: Pick<BgpSessions, 'isEstablished'>
  readonly roles: Pick<MeshRoles, 'shownRole'>
  readonly routes: Pick<RouteSources, 'refusalOf' | 'isRetained' | 'nextHops'>
  status(key: PlanKey): Status
}

/** The keys of tables that follow from a key. */
export function* wantsOf(key: PodNetworkKey, facts: KeyFacts): Iterable<WantedKey> {
  const { tables, planner } = facts
  if (key === 'local') return yield* ownKeys(facts)
  if (key === 'conflist') return yield* keysOf(tables.conflist)
  if (key.startsWith('service/'))
    return yield* inTable(tables.announcements, planner.serviceAddresses.prefixesOf(nameOf(key)))
  const peer = planner.peerOf(key)
  if (peer !== undefined) yield { table: tables.peers, key: peer }
  for (const prefix of prefixesOf(key, facts))
    if (peer !== undefined || tables.routes.get(prefix)) yield { table: tables.routes, key: prefix }
}

/** Why a Node or a router is not reached, as far as no table knows it. */
export function problemsOf(key: PodNetworkKey, facts: KeyFacts): string[] {
  if (key === 'local') return [...facts.planner.discards.problems]
  if (key === 'conflist') return []
  const { planner, sessions } = facts
  if (key.startsWith('service/')) return planner.serviceAddresses.problemsOf(nameOf(key))
  const peer = planner.peerOf(key)
  const session = peer !== undefined && !sessions.isEstablished(peer) ? [noSession(peer, facts)] : []
  return [...session, ...prefixesOf(key, facts).flatMap((prefix) => routeProblems(prefix, facts))]
}

/** A node behind a router sends with a TTL that is less than 255 here (GTSM, RFC 5082). */
function noSession(peer: string, { settings, nodes, routes }: KeyFacts): string {
  const text = `no BGP session with ${peer}`
  const isBehind = nodes.withAddress(peer) !== undefined && routes.nextHops.routersTo(peer).length > 0
  return isBehind && settings.meshTtlSecurity
    ? `${text}, which is behind a router: set bgp.meshTtlSecurity to false`
    : text
}

function routeProblems(prefix: string, { routes, tables, nodes }: KeyFacts): string[] {
  const refused = routes.refusalOf(prefix)
  if (refused !== undefined) return [`${prefix} is refused: ${refused}`]
  if (routes.isRetained(prefix)) return [`${prefix} is kept from before`]
  const route = tables.routes.get(prefix)
  const behind = route && gatewaysOf(route).filter((gateway) => nodes.withAddress(gateway) === undefined)
  return behind && behind.length > 0
    ? [
        `${prefix} goes by the router ${behind.join(', ')}, which needs a route to it, or a BGP session with the node`,
      ]
    : []
}

export function reportKeys(facts: KeyFacts, now: number): KeyReport[] {
  const { nodes, nodeName, settings, roles, status } = facts
  const report = (
    key: PlanKey,
    fields: Pick<KeyReport, 'name' | 'kind' | 'role' | 'podCIDRs' | 'addresses'>,
  ): KeyReport => {
    const { state, since, reasons } = status(key)
    return { ...fields, state, for: since === undefined ? undefined : now - since, reasons }
  }
  const ofNodes = Array.from(nodes.values(), (node) => {
    const isLocal = node.name === nodeName
    const role = settings.mesh && settings.routing === 'bgp' ? roles.shownRole(node.name) : undefined
    return report(isLocal ? 'local' : `node/${node.name}`, {
      name: node.name,
      kind: isLocal ? 'this node' : 'node',
      ...(role === undefined ? {} : { role }),
      podCIDRs: node.podCidrs.map(({ text }) => text),
      addresses: node.addresses.map(({ text }) => text),
    })
  })
  const ofRouters = settings.externalPeers.map((peer) => {
    const name = peerKey(peer)
    const fields = { name, podCIDRs: [], addresses: peer.address === undefined ? [] : [peer.address] }
    return report(`router/${name}`, { ...fields, kind: 'router' })
  })
  return [...ofNodes, ...ofRouters]
}

function* ownKeys({ tables, planner }: KeyFacts): Iterable<WantedKey> {
  const { bridge, addresses, sysctls, rules, discards, instance, announcements } = tables
  for (const table of [bridge, addresses, sysctls, rules, discards, instance]) yield* keysOf(table)
  yield* inTable(announcements, planner.podPrefixes)
}

function* inTable(table: WantedKey['table'], keys: readonly string[]): Iterable<WantedKey> {
  for (const key of keys) yield { table, key }
}

function* keysOf(
  table: WantedKey['table'] & { desired(): ReadonlyMap<string, unknown> },
): Iterable<WantedKey> {
  for (const key of table.desired().keys()) yield { table, key }
}

/** Of another Node. */
function prefixesOf(key: Exclude<PlanKey, 'local'>, { nodes, nodeName }: KeyFacts): string[] {
  const name = nameOf(key)
  if (!key.startsWith('node/') || name === nodeName) return []
  return nodes.get(name)?.podCidrs.map(({ text }) => text) ?? []
}
