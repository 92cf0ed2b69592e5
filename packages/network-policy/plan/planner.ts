/**
 * From pods, namespaces and policies to what the kernel should hold. A pod of this node leads its packets to the chain of its policies; a
 * pod of any node is an element of the sets of those groups that rules on this node refer to, and of no others.
 */
import { type Family, familyOf } from '@podroute/address/address.ts'
import { matches } from '@podroute/cluster/objects/label-selector.ts'
import type { NetworkPolicy } from '@podroute/cluster/objects/network-policy.ts'
import type { Pod } from '@podroute/cluster/objects/pod.ts'
import type { ClusterView } from '@podroute/cluster/state.ts'
import type { NftTable } from '@podroute/kernel/nft/definition.ts'
import { type ElementKey, elementKey, type SetElement } from '@podroute/kernel/nft/element.ts'
import { TABLE } from '@podroute/kernel/nft/table-resource.ts'
import { type ClaimSink, Claims } from '@podroute/reconcile/claims.ts'
import type { WantedKey } from '@podroute/reconcile/status.ts'
import type { PolicyChain } from '../compile/chain.ts'
import { groupSet, type PodUnion, type PortName, portSet } from '../compile/references.ts'
import { declarationOf } from '../kernel/set-resource.ts'
import { dispatchElement, policyTable, selfElement } from '../kernel/table.ts'
import type { PolicyTables } from '../kernel/tables.ts'
import { PodAddresses } from './addresses.ts'
import { classesOf, type PodClass } from './classes.ts'
import { PodGroups } from './pod-groups.ts'
import { PodsByNamespace } from './pods-by-namespace.ts'
import { Shared } from './shared.ts'

type PodKey = string

export interface PlannerOptions {
  readonly nodeName: string
  readonly cluster: Pick<
    ClusterView,
    'pods' | 'namespaces' | 'networkPolicies' | 'clusterNetworkPolicies' | 'nodes'
  >
  readonly tables: PolicyTables
  /** Addresses that this node has given a pod and its status need not say yet. */
  announced(pod: Pod): readonly string[]
  /** What judges this address's packets, or who it is to others, is another thing when it is flushed. */
  touched(address: string): void
  /** A pod is to be planned again. */
  mark(key: PodKey): void
}

/** What a set is of: only of families that pods of this node are judged in. */
type OfFamily<T> = readonly [what: T, family: Family]

const SAME_ELEMENT = { equal: (a: SetElement, b: SetElement) => a.element === b.element }

export class PolicyPlanner {
  readonly #options: PlannerOptions
  /** Whether this kernel can hand dropped packets to a process. */
  logs = true
  readonly #pods = new PodsByNamespace()
  readonly #policies = new Map<string, Map<string, NetworkPolicy>>()
  readonly #groups: PodGroups
  readonly #portNames = new Map<string, PortName>()
  readonly #addresses: PodAddresses
  /** What pods of this node want. */
  readonly #dispatch: Claims<PodKey, ElementKey, SetElement>
  readonly #chains: Shared<PolicyChain>
  readonly #wantedGroups: Shared<OfFamily<PodUnion>>
  readonly #wantedNames: Shared<OfFamily<PortName>>
  /** What pods of all nodes are in the sets. */
  readonly #elements: Claims<PodKey, ElementKey, SetElement>
  /** Pods whose elements are to be planned at the end of the round. */
  readonly #stale = new Set<PodKey>()

  constructor(options: PlannerOptions) {
    this.#options = options
    const { tables, cluster } = options
    this.#groups = new PodGroups(this.#pods, cluster.namespaces)
    this.#addresses = new PodAddresses((key) => options.mark(key))
    this.#dispatch = new Claims(this.#watched(tables.elements), SAME_ELEMENT)
    this.#chains = new Shared({
      first: (name, chain) => tables.chains.set(name, chain),
      last: (name) => tables.chains.delete(name),
    })
    this.#elements = new Claims(this.#watched(tables.elements), SAME_ELEMENT)
    this.#wantedGroups = new Shared<OfFamily<PodUnion>>({
      first: (set, [group]) => this.#groupWanted(set, group),
      last: (set, of) => this.#groupUnwanted(set, of),
    })
    this.#wantedNames = new Shared<OfFamily<PortName>>({
      first: (set, [name]) => this.#nameWanted(set, name),
      last: (set, of) => this.#nameUnwanted(set, of),
    })
  }

  podChanged(key: PodKey, before: Pod | undefined, after: Pod | undefined): void {
    this.#pods.update(key, before, after)
    this.#claimAddresses(key, after)
    this.#options.mark(key)
  }

  /** Other addresses of a pod were announced than before. */
  announcementChanged(key: PodKey): void {
    this.#claimAddresses(key, this.#options.cluster.pods.get(key))
    this.#options.mark(key)
  }

  namespaceChanged(name: string): void {
    this.#groups.namespaceChanged(name)
    for (const { key } of this.#pods.in(name)) this.#options.mark(key)
  }

  policyChanged(key: string, before: NetworkPolicy | undefined, after: NetworkPolicy | undefined): void {
    const namespace = (after ?? before)?.namespace ?? ''
    const policies = this.#policies.get(namespace) ?? new Map<string, NetworkPolicy>()
    if (after) policies.set(key, after)
    else policies.delete(key)
    if (policies.size === 0) this.#policies.delete(namespace)
    else this.#policies.set(namespace, policies)
    const selectors = [before, after].flatMap((policy) => (policy ? [policy.podSelector] : []))
    for (const pod of this.#pods.in(namespace))
      if (this.isLocal(pod) && selectors.some((selector) => matches(selector, pod.labels)))
        this.#options.mark(pod.key)
  }

  /** Whose an address is. */
  podAt(address: string): Pod | undefined {
    const key = this.#addresses.owner(address)
    return key === undefined ? undefined : this.#options.cluster.pods.get(key)
  }

  isLocal(pod: Pod): boolean {
    return pod.node === this.#options.nodeName
  }

  /** Any pod may be judged otherwise: a ClusterNetworkPolicy or a node that one names is another one. */
  clusterChanged(): void {
    for (const pod of this.#options.cluster.pods.values()) if (this.isLocal(pod)) this.#options.mark(pod.key)
  }

  /** Whether any policy of the namespace may select its pods. */
  hasPolicies(namespace: string): boolean {
    return this.#policies.has(namespace) || this.#options.cluster.clusterNetworkPolicies.size > 0
  }

  policiesOf(namespace: string): readonly NetworkPolicy[] {
    return [...(this.#policies.get(namespace)?.values() ?? [])]
  }

  /** How a pod's traffic is judged; of a pod of another node that is not known here. */
  plan(key: PodKey): undefined {
    const pod = this.#options.cluster.pods.get(key)
    const classes =
      pod && this.isLocal(pod) ? classesOf(pod, this.policiesOf(pod.namespace), this.#options.cluster) : []
    const addresses = pod ? this.#addresses.of(pod) : []
    const own = classes.flatMap((entry) =>
      addresses
        .filter((address) => familyOf(address) === entry.family)
        .map((address) => [entry, address] as const),
    )
    const used = new Set(own.map(([entry]) => entry))
    this.#chains.replace(
      key,
      [...used].flatMap(({ chains }) => chains.map((chain) => [chain.name, chain] as const)),
    )
    this.#wantedGroups.replace(
      key,
      [...used].flatMap(({ unions, family }) =>
        unions.map((union) => [groupSet(union, family), [union, family]] as const),
      ),
    )
    this.#wantedNames.replace(
      key,
      [...used].flatMap(({ portNames, family }) =>
        portNames.map((name) => [portSet(name, family), [name, family]] as const),
      ),
    )
    this.#dispatch.replace(
      key,
      own.flatMap(([entry, address]) => dispatchElements(entry, address)).map(byKey),
    )
    this.#stale.add(key)
  }

  /** To be called when a round of pods was planned: which groups there are is known then. */
  planned(): void {
    for (const key of this.#stale) this.#elements.replace(key, this.#elementsOf(key))
    this.#stale.clear()
    const { rules } = this.#options.tables
    if (this.#dispatch.size > 0) rules.set(TABLE, this.table)
    // What an earlier run left goes with all else of it.
    else if (rules.get(TABLE)) rules.delete(TABLE)
  }

  /** What chains there are for all pods. */
  get table(): NftTable {
    return policyTable(this.logs, this.#options.cluster.clusterNetworkPolicies.size > 0)
  }

  /** What has to be in place for a pod of this node. */
  wants(key: PodKey): readonly WantedKey[] {
    const { elements, chains } = this.#options.tables
    return [
      ...this.#dispatch.keysOf(key).map((element) => ({ table: elements, key: element })),
      ...this.#chains.namesOf(key).map((chain) => ({ table: chains, key: chain })),
    ]
  }

  get size(): { readonly groups: number; readonly chains: number } {
    return { groups: this.#groups.size, chains: this.#chains.size }
  }

  #elementsOf(key: PodKey): (readonly [ElementKey, SetElement])[] {
    const pod = this.#options.cluster.pods.get(key)
    const addresses = pod ? this.#addresses.of(pod) : []
    if (!pod || addresses.length === 0) return []
    const groups = this.#groups.of(pod)
    const ports = pod.ports.flatMap((port) =>
      [...this.#portNames.values()]
        .filter(({ name, protocol }) => name === port.name && protocol === port.protocol)
        .map((name) => ({ name, port })),
    )
    return addresses.flatMap((address) => {
      const family = familyOf(address)
      return [
        ...groups
          .map((group) => ({ set: groupSet(group, family), element: address }))
          .filter(({ set }) => this.#wantedGroups.has(set)),
        ...ports
          .map(({ name, port }) => ({
            set: portSet(name, family),
            element: `${address} . ${port.protocol} . ${port.port}`,
          }))
          .filter(({ set }) => this.#wantedNames.has(set)),
      ].map(byKey)
    })
  }

  #watched(table: PolicyTables['elements']): ClaimSink<ElementKey, SetElement, PodKey> {
    const { touched } = this.#options
    const tell = ({ element }: SetElement) => touched(element.slice(0, `${element} `.indexOf(' ')))
    return {
      set(key, value) {
        table.set(key, value)
        tell(value)
      },
      delete(key, previous) {
        table.delete(key)
        tell(previous)
      },
    }
  }

  #claimAddresses(key: PodKey, pod: Pod | undefined): void {
    this.#addresses.update(key, pod, pod ? this.#options.announced(pod) : [])
  }

  #groupWanted(set: string, group: PodUnion): void {
    this.#groups.add(group)
    this.#options.tables.sets.set(set, declarationOf(set))
    for (const { key } of this.#groups.members(group)) this.#stale.add(key)
  }

  #groupUnwanted(set: string, [group, family]: OfFamily<PodUnion>): void {
    for (const { key } of this.#groups.members(group)) this.#stale.add(key)
    if (!this.#wantedGroups.has(groupSet(group, other(family)))) this.#groups.remove(group)
    this.#options.tables.sets.delete(set)
  }

  #nameWanted(set: string, name: PortName): void {
    this.#portNames.set(name.id, name)
    this.#options.tables.sets.set(set, declarationOf(set))
    this.#staleWith(name)
  }

  #nameUnwanted(set: string, [name, family]: OfFamily<PortName>): void {
    if (!this.#wantedNames.has(portSet(name, other(family)))) this.#portNames.delete(name.id)
    this.#options.tables.sets.delete(set)
    this.#staleWith(name)
  }

  #staleWith({ name }: PortName): void {
    for (const { key, ports } of this.#options.cluster.pods.values())
      if (ports.some((port) => port.name === name)) this.#stale.add(key)
  }
}

function other(family: Family): Family {
  return family === 4 ? 6 : 4
}

/** It reaches itself through a Service, whatever the policies say. */
function dispatchElements({ way, family, chain }: PodClass, address: string): SetElement[] {
  return [dispatchElement(way, family, address, chain.name), selfElement(family, address)]
}

function byKey(element: SetElement): readonly [ElementKey, SetElement] {
  return [elementKey(element), element]
}
