/** What rules refer to beside addresses and numbers: pods by their labels, and ports by their names. Each is a set in nftables. Pure. */
import { hash } from 'node:crypto'
import type { Family } from '@podroute/address/address.ts'
import type { LabelSelector } from '@podroute/cluster/objects/label-selector.ts'
import type { Peer, PolicyPort } from '@podroute/cluster/objects/network-policy.ts'
import type { Protocol } from '@podroute/cluster/objects/service.ts'

/** Pods that a selector chooses: one for all policies that say the same. */
export interface PodGroup {
  readonly id: string
  /** The namespace that they are of; undefined: that is left to `namespaces`. */
  readonly namespace: string | undefined
  readonly namespaces: LabelSelector
  readonly pods: LabelSelector
}

/** Pods of any of some groups: one set. */
export interface PodUnion {
  /** Of one group, that one's. */
  readonly id: string
  readonly groups: readonly PodGroup[]
}

/** A port that has different numbers on different pods. */
export interface PortName {
  readonly id: string
  readonly protocol: Protocol
  readonly name: string
}

const groups = new WeakMap<Peer, PodGroup>()

/** @param namespace the policy's */
export function podGroup(peer: Peer & { readonly kind: 'pods' }, namespace: string): PodGroup {
  const known = groups.get(peer)
  if (known) return known
  const own = peer.namespaces === undefined ? namespace : undefined
  const { namespaces = [], pods } = peer
  const group = { id: idOf([own ?? null, namespaces, pods]), namespace: own, namespaces, pods }
  groups.set(peer, group)
  return group
}

export function unionOf(groups: readonly PodGroup[]): PodUnion {
  const [only] = groups
  if (groups.length === 1) return { id: only!.id, groups }
  return { id: idOf(groups.map(({ id }) => id).toSorted()), groups }
}

/** Whether so many pods may be in a group that a set for each combination with others would be too many. */
export function isWide({ namespace, pods }: PodGroup): boolean {
  return namespace === undefined && pods.length === 0
}

export function portName({ protocol, name }: PolicyPort & { readonly kind: 'name' }): PortName {
  return { id: idOf([protocol, name]), protocol, name }
}

const groupSets: Readonly<Record<Family, WeakMap<PodUnion, string>>> = { 4: new WeakMap(), 6: new WeakMap() }

/** Set of the addresses of the pods: one text for all of them, as each is an element that names it. */
export function groupSet(union: PodUnion, family: Family): string {
  const known = groupSets[family].get(union)
  if (known !== undefined) return known
  const set = `peer-${union.id}-${family}`
  groupSets[family].set(union, set)
  return set
}

/** Set of address . protocol . port of the pods that have a port of the name. */
export function portSet({ id }: Pick<PortName, 'id'>, family: Family): string {
  return `port-${id}-${family}`
}

/** Names follow from content: the next agent finds its own again, and equal things are one. */
export function idOf(content: unknown): string {
  return hash('sha256', JSON.stringify(content), 'hex').slice(0, 12)
}
