/** Which of the groups that rules refer to a pod is in, without asking every group about every pod. Pure. */
import { matches } from '@podroute/cluster/objects/label-selector.ts'
import type { Namespace } from '@podroute/cluster/objects/namespace.ts'
import type { Pod } from '@podroute/cluster/objects/pod.ts'
import type { PodGroup } from '../compile/references.ts'
import type { PodsByNamespace } from './pods-by-namespace.ts'

export class PodGroups {
  readonly #pods: PodsByNamespace
  readonly #namespaces: ReadonlyMap<string, Namespace>
  /** Those of one namespace, by its name; each by its id. */
  readonly #within = new Map<string, Map<string, PodGroup>>()
  /** Those of namespaces by their labels. */
  readonly #across = new Map<string, PodGroup>()
  /** Groups that pods of a namespace may be in; known until something changes. */
  readonly #candidates = new Map<string, readonly PodGroup[]>()

  /** @param namespaces all of them by name */
  constructor(pods: PodsByNamespace, namespaces: ReadonlyMap<string, Namespace>) {
    this.#pods = pods
    this.#namespaces = namespaces
  }

  add(group: PodGroup): void {
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

  remove(group: PodGroup): void {
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

  /** Its labels are others now, or it came or went. */
  namespaceChanged(name: string): void {
    this.#candidates.delete(name)
  }

  get size(): number {
    return [...this.#within.values()].reduce((sum, { size }) => sum + size, this.#across.size)
  }

  /** The groups that a pod is in. */
  of(pod: Pod): readonly PodGroup[] {
    return this.#candidatesOf(pod.namespace).filter((group) => matches(group.pods, pod.labels))
  }

  *members(group: PodGroup): Iterable<Pod> {
    for (const namespace of this.#scope(group))
      for (const pod of this.#pods.in(namespace)) if (matches(group.pods, pod.labels)) yield pod
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
