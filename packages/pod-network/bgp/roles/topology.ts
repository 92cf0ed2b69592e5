/**
 * Who has a BGP session with whom, and who reflects whose routes (RFC 4456): a function of all Nodes, the same on each of them. Pure.
 *
 * | of one AS       | server                  | client                              | plain |
 * | server          | yes, both believed      | where it reflects for that client   | yes   |
 * | client          |                         | no                                  | no    |
 * | plain           | yes, server is believed | no: a server passes its routes on   | yes   |
 * Nodes of different ASes have sessions with each other, whatever their roles: routes are reflected inside of an AS.
 */

import { type Candidate, choose } from './rendezvous.ts'
import type { Annotated } from './role.ts'

/** What is used of a Node. */
export interface Member extends Pick<Annotated, 'role'> {
  readonly name: string
  readonly asn: number
  readonly zone: string
  /** Ready, and not to be left: it may reflect for others. */
  readonly able: boolean
  /** It has addresses of all families of the cluster, and so a session with each other node. */
  readonly complete: boolean
}

/** When nodes without annotations choose reflectors among themselves; see the README for the figures. */
export interface ReflectorSettings {
  /** Where more nodes than these would be in the mesh. */
  readonly fromNodes: number
  /** How many; undefined: one for each hundred nodes, three at least. */
  readonly count?: number
  /** To how many of them a node has sessions. */
  readonly perNode: number
}

export type EffectiveRole =
  | { readonly kind: 'plain' }
  | { readonly kind: 'server' }
  /** With the names of the servers that reflect for it. */
  | { readonly kind: 'client'; readonly servers: ReadonlySet<string> }

/** What another node is to this one. */
export interface Relation {
  readonly session: boolean
  /** It is our client: its routes are passed to all, and all routes to it. */
  readonly client: boolean
  /** It tells about all nodes, not about itself alone. */
  readonly believed: boolean
}

export const NO_RELATION: Relation = { session: false, client: false, believed: false }
const MESH: Relation = { session: true, client: false, believed: false }
const SERVER: Relation = { session: true, client: false, believed: true }
const CLIENT: Relation = { session: true, client: true, believed: false }

const PLAIN: EffectiveRole = { kind: 'plain' }
const SERVING: EffectiveRole = { kind: 'server' }
const NODES_PER_REFLECTOR = 100
const LEAST_REFLECTORS = 3
/** The mesh's sessions that there are stay until there are so many times more nodes than reflectors are chosen from. */
const HYSTERESIS = 1.25

export class Topology {
  readonly #members = new Map<string, Member>()
  readonly #roles = new Map<string, EffectiveRole>()
  readonly #shape: string[] = []
  /** Of ASes whose nodes need no mesh any more, and keep what there is of it. */
  readonly #lenient = new Set<number>()

  constructor(members: Iterable<Member>, settings: ReflectorSettings | undefined) {
    const ases = new Map<number, Member[]>()
    for (const member of members) {
      this.#members.set(member.name, member)
      const others = ases.get(member.asn)
      if (others) others.push(member)
      else ases.set(member.asn, [member])
    }
    for (const [asn, inside] of ases) this.#assign(asn, inside, settings)
  }

  /** Text of what relations of nodes depend on beside the two nodes themselves. */
  get shape(): string {
    return this.#shape.sort().join('\n')
  }

  roleOf(name: string): EffectiveRole {
    return this.#roles.get(name) ?? PLAIN
  }

  /** What the node `other` is to the node `local`. */
  relation(local: string, other: string): Relation {
    if (this.#members.get(local)?.asn !== this.#members.get(other)?.asn) return MESH
    const mine = this.roleOf(local)
    const its = this.roleOf(other)
    if (mine.kind === 'client') return its.kind === 'server' && mine.servers.has(other) ? SERVER : NO_RELATION
    if (its.kind === 'client') return mine.kind === 'server' && its.servers.has(local) ? CLIENT : NO_RELATION
    return its.kind === 'server' ? SERVER : MESH
  }

  /** Whether a session that two nodes do not need may stay for as long as it lasts: their number is near the threshold. */
  mayStay(name: string): boolean {
    const asn = this.#members.get(name)?.asn
    return asn !== undefined && this.#lenient.has(asn)
  }

  #assign(asn: number, members: readonly Member[], settings: ReflectorSettings | undefined): void {
    const servers = byCluster(members)
    const rest: Member[] = []
    for (const member of members) {
      const { role, name } = member
      const those = role.kind === 'client' ? servers.get(role.cluster) : undefined
      if (role.kind === 'server') this.#roles.set(name, SERVING)
      else if (those) this.#roles.set(name, { kind: 'client', servers: those })
      else rest.push(member)
    }
    for (const [cluster, names] of servers) this.#shape.push(`${asn} ${cluster} ${[...names].sort()}`)
    if (settings !== undefined && rest.length > settings.fromNodes) this.#reflect(asn, rest, settings)
  }

  #reflect(asn: number, members: readonly Member[], settings: ReflectorSettings): void {
    const { fromNodes, perNode } = settings
    const count =
      settings.count ?? Math.max(LEAST_REFLECTORS, Math.ceil(members.length / NODES_PER_REFLECTOR))
    const names = new Set(choose(members.map(candidate), count, 'reflectors'))
    const chosen = members.filter(({ name }) => names.has(name)).map(candidate)
    for (const { name } of members)
      this.#roles.set(
        name,
        names.has(name) ? SERVING : { kind: 'client', servers: new Set(choose(chosen, perNode, name)) },
      )
    const lenient = members.length <= fromNodes * HYSTERESIS
    if (lenient) this.#lenient.add(asn)
    const able = chosen.filter(({ last }) => !last).map(({ name, zone }) => `${name}/${zone}`)
    this.#shape.push(`${asn} ${[...names].sort()} ${able.sort()} ${lenient}`)
  }
}

/**
 * The servers of each cluster ID that has one that is able. A client whose servers are all gone, or not there yet, is a node without
 * annotation for as long: else it would reach nobody.
 */
function byCluster(members: readonly Member[]): Map<number, ReadonlySet<string>> {
  const servers = new Map<number, Set<string>>()
  for (const { role, able } of members)
    if (role.kind === 'server' && able) servers.set(role.cluster, servers.get(role.cluster) ?? new Set())
  for (const { role, name } of members) if (role.kind === 'server') servers.get(role.cluster)?.add(name)
  return servers
}

function candidate({ name, zone, able, complete }: Member): Candidate {
  return { name, zone, last: !able || !complete }
}
