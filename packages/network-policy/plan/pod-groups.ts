/** Which of the groups that rules refer to a pod is in, without asking every group about every pod. Pure. */
import { matches } from '@podroute/cluster/objects/label-selector.ts'
import type { Namespace } from '@podroute/cluster/objects/namespace.ts'
import type { Pod } from '@podroute/cluster/objects/pod.ts'
import type { PodGroup, PodUnion } from '../compile/references.ts'
import type { PodsByNamespace } from './pods-by-namespace.ts'

export class PodGroups {
  readonly #pods: PodsByNamespace
  readonly #namespaces: ReadonlyMap<string, Namespace>
  /** Those of one namespace, by its name; each by its id. */
  readonly #within = new Map<string, Map<string, PodGroup>>()
  /** Those of namespaces by their labels. */
  readonly #across = new Map<string, PodGroup>()
  /** What a group is part of, by its id; each by its own. */
  readonly #unions = new Map<string, Map<string, PodUnion>>()
  readonly #wanted = new Set<string>()
  /** Groups that pods of a namespace may be in; known until something changes. */
  readonly #candidates = new Map<string, readonly PodGroup[]>()

  /** @param namespaces all of them by name */
  constructor(pods: PodsByNamespace, namespaces: ReadonlyMap<string, Namespace>) {
    this.#pods = pods
    this.#namespaces = namespaces
  }

  add(union: PodUnion): void {
    this.#wanted.add(union.id)
    for (const group of union.groups) {
      const known = this.#unions.get(group.id)
      if (known) known.set(union.id, union)
      else {
        this.#unions.set(group.id, new Map([[union.id, union]]))
        this.#addGroup(group)
      }
    }
  }

  remove(union: PodUnion): void {
    this.#wanted.delete(union.id)
    for (const group of union.groups) {
      const known = this.#unions.get(group.id)
      known?.delete(union.id)
      if (known?.size !== 0) continue
      this.#unions.delete(group.id)
      this.#removeGroup(group)
    }
  }

  /** Its labels are others now, or it came or went. */
  namespaceChanged(name: string): void {
    this.#candidates.delete(name)
  }

  get size(): number {
    return this.#wanted.size
  }

  /** What a pod is in. */
  of(pod: Pod): readonly PodUnion[] {
    const found = new Map<string, PodUnion>()
    for (const group of this.#candidatesOf(pod.namespace))
      if (matches(group.pods, pod.labels))
        for (const union of this.#unions.get(group.id)?.values() ?? []) found.set(union.id, union)
    return [...found.values()]
  }

  /** Some may be told more than once. */
  *members({ groups }: PodUnion): Iterable<Pod> {
    for (const group of groups)
      for (const namespace of this.#scope(group))
        for (const pod of this.#pods.in(namespace)) if (matches(group.pods, pod.labels)) yield pod
  }

  #addGroup(group: PodGroup): void {
    if (group.namespace === undefined) {
      this.#across.set(group.id, group)
      this.#candidates.clear()
      return
    }
    const known = this.#within.get(group.namespace)
    if (known) known.set(group.id, group)
    else this.#within.set(group.namespace, new Map([[group.id, group]]))
    this.#candidates.delete(group.namespace)
  }

  #removeGroup(group: PodGroup): void {
    if (group.namespace === undefined) {
      this.#across.delete(group.id)
      this.#candidates.clear()
      return
    }
    const known = this.#within.get(group.namespace)
    known?.delete(group.id)
    if (known?.size === 0) this.#within.delete(group.namespace)
    this.#candidates.delete(group.namespace)
  }

  #candidatesOf(namespace: string): readonly PodGroup[] {
    const known = this.#candidates.get(namespace)
    if (known) return known
    const across = [...this.#across.values()].filter((group) => this.#covers(group, namespace))
    const candidates = [...(this.#within.get(namespace)?.values() ?? []), ...across]
    this.#candidates.set(namespace, candidates)
    return candidates
  }

  #scope(group: PodGroup): Iterable<string> {
    if (group.namespace !== undefined) return [group.namespace]
    return [...this.#pods.namespaces()].filter((name) => this.#covers(group, name))
  }

  /** A namespace that is not known is no one's: its labels may be any. */
  #covers({ namespaces }: PodGroup, name: string): boolean {
    const namespace = this.#namespaces.get(name)
    return namespace !== undefined && matches(namespaces, namespace.labels)
  }
}
