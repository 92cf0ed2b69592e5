/** Who the nodes are to each other now: roles from their annotations, or chosen by all alike, and what is kept of them while they change. */
import { FAMILIES } from '@podroute/address/address.ts'
import { type ClusterNode, primaryAddress } from '@podroute/cluster/objects/node.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { ClusterNodes } from '../../nodes/cluster-nodes.ts'
import { nodeDrain } from '../../nodes/node-drain.ts'
import type { PodNetworkSettings } from '../../settings.ts'
import { HeldRelations } from './held-relations.ts'
import { NodeAnnotations, type NodeAnnotationsOptions } from './node-annotations.ts'
import { type EffectiveRole, type Member, NO_RELATION, type Relation, Topology } from './topology.ts'

export interface MeshRolesOptions extends NodeAnnotationsOptions {
  readonly nodes: Pick<ClusterNodes, 'values' | 'get'>
  settings(): Pick<PodNetworkSettings, 'asn' | 'mesh' | 'reflectors' | 'drain'>
  readonly clock: Pick<Clock, 'now' | 'after'>
  /** Whether the session with the Node is up. */
  isEstablished(node: string): boolean
  /** Whether the Node has told all that it has. */
  hasEndOfRib(node: string): boolean
  /** Relations of all Nodes may be others. */
  changed(): void
  /** Relations of these Nodes are others. */
  released(names: readonly string[]): void
}

export type ShownRole = 'reflector' | 'client'
/** `until replaced`: it is more than it is to be, for as long as that takes. */
export type ShownSession = ShownRole | 'mesh' | 'until replaced'

/** What a session with another node is to be. */
export interface NodeSession extends Relation {
  /** The other node's AS number. */
  readonly asn: number
  /** This node passes routes on, to its clients and from them. */
  readonly reflects: boolean
}

export class MeshRoles implements Disposable {
  readonly #options: MeshRolesOptions
  readonly #annotations: NodeAnnotations
  readonly #held = new HeldRelations()
  #topology = new Topology([], undefined)
  #stale = true
  #timer: Disposable | undefined

  constructor(options: MeshRolesOptions) {
    this.#options = options
    this.#annotations = new NodeAnnotations(options)
  }

  /** To be called whenever a Node changed, or is gone. */
  nodeChanged(name: string, node: ClusterNode | undefined): void {
    this.#annotations.read(name, node)
    if (node === undefined) this.#held.forget(name)
    this.#stale = true
  }

  settingsChanged(): void {
    this.#stale = true
  }

  /** The node's own AS number, or the cluster's. */
  asnOf(name: string): number {
    return this.#annotations.of(name).asn ?? this.#options.settings().asn
  }

  roleOf(name: string): EffectiveRole {
    return this.#current().roleOf(name)
  }

  /** What the session with a Node is to be; it may end in no session. */
  session(name: string): NodeSession {
    const { clock, isEstablished } = this.#options
    const wanted = this.#wanted(name)
    const established = isEstablished(name)
    const relation = this.#held.update(name, wanted, { time: clock.now(), established })
    return { ...relation, asn: this.asnOf(name), reflects: this.#reflects() }
  }

  /** What a Node is in its AS; undefined: a node of the mesh, or nothing where there are no sessions between nodes. */
  shownRole(name: string): ShownRole | undefined {
    const { kind } = this.roleOf(name)
    return kind === 'server' ? 'reflector' : kind === 'client' ? 'client' : undefined
  }

  /** What a Node is to this one. */
  shownSession(name: string): ShownSession {
    const { client, believed } = this.#held.relationOf(name)
    return this.isSurplus(name) ? 'until replaced' : client ? 'client' : believed ? 'reflector' : 'mesh'
  }

  /** Whether the session is there only until what replaces it is. */
  isSurplus(name: string): boolean {
    return this.#held.isSurplus(name)
  }

  /** To be called after sessions were planned: what is kept for now is looked at again when it is time. */
  tend(): void {
    // Nodes that are gone are not asked about.
    this.#current()
    if (this.#timer !== undefined) return
    const { clock } = this.#options
    const pause = this.#held.pause(clock.now(), (name) => this.#topology.mayStay(name))
    if (pause === undefined) return
    this.#timer = clock.after(pause, () => {
      this.#timer = undefined
      this.#release()
      this.tend()
    })
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]()
  }

  /** Lets go what has been replaced. */
  #release(): void {
    const reflected = this.#reflects()
    const topology = this.#current()
    const released = this.#held.release(
      this.#options.clock.now(),
      () => this.#isSettled(),
      (name) => topology.mayStay(name),
    )
    this.#options.released(released)
    if (reflected !== this.#reflects()) this.#options.changed()
  }

  #reflects(): boolean {
    return this.#current().roleOf(this.#options.localName).kind === 'server' || this.#held.reflects
  }

  #wanted(name: string): Relation {
    const { localName, settings } = this.#options
    const foreign = settings().mesh === 'within-as' && this.asnOf(name) !== this.asnOf(localName)
    return foreign ? NO_RELATION : this.#current().relation(localName, name)
  }

  /** All nodes that are to have a session with this one, and run, have told all that they have. */
  #isSettled(): boolean {
    const { nodes, localName, hasEndOfRib } = this.#options
    for (const { name, ready } of nodes.values()) {
      if (!ready || name === localName || !this.#wanted(name).session) continue
      if (!hasEndOfRib(name)) return false
    }
    return true
  }

  #current(): Topology {
    if (!this.#stale) return this.#topology
    this.#stale = false
    const before = this.#topology.shape
    this.#topology = new Topology(this.#members(), this.#options.settings().reflectors)
    if (this.#topology.shape !== before) this.#options.changed()
    return this.#topology
  }

  #members(): Member[] {
    const nodes = [...this.#options.nodes.values()]
    const { drain } = this.#options.settings()
    const families = FAMILIES.filter((family) => nodes.some((node) => primaryAddress(node, family)))
    return nodes.map((node) => ({
      name: node.name,
      role: this.#annotations.of(node.name).role,
      asn: this.asnOf(node.name),
      zone: node.zone,
      able: node.ready && !node.leaving && nodeDrain(node, drain) === undefined,
      complete: families.every((family) => primaryAddress(node, family)),
    }))
  }
}
