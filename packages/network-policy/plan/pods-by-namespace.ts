/** The pods of each namespace. */
import type { Pod } from '@podroute/cluster/objects/pod.ts'

export class PodsByNamespace {
  readonly #namespaces = new Map<string, Map<string, Pod>>()

  /** A key never moves to another namespace. */
  update(key: string, before: Pod | undefined, after: Pod | undefined): void {
    if (after) {
      const pods = this.#namespaces.get(after.namespace)
      if (pods) pods.set(key, after)
      else this.#namespaces.set(after.namespace, new Map([[key, after]]))
      return
    }
    const pods = before && this.#namespaces.get(before.namespace)
    pods?.delete(key)
    if (before && pods?.size === 0) this.#namespaces.delete(before.namespace)
  }

  in(namespace: string): Iterable<Pod> {
    return this.#namespaces.get(namespace)?.values() ?? []
  }

  /** Those that have pods. */
  namespaces(): Iterable<string> {
    return this.#namespaces.keys()
  }
}
