/**
 * Which prefixes the pods of a Node have, as the feature says that brings pods together: they may be others than the Node's spec names, by
 * annotation, or because a Node lacks its own for a moment. Who wants to know whether an address is a pod's asks here.
 */
import type { Cidr } from '@podroute/address/cidr.ts'

export class PodPrefixes {
  readonly #byNode = new Map<string, readonly Cidr[]>()
  readonly #subscribers = new Set<(node: string) => void>()

  /** Undefined: nobody says so, and the Node's spec counts. */
  of(node: string): readonly Cidr[] | undefined {
    return this.#byNode.get(node)
  }

  /** @param prefixes undefined: nobody says it any more */
  replace(node: string, prefixes: readonly Cidr[] | undefined): void {
    const before = this.#byNode.get(node)
    if (prefixes === undefined) this.#byNode.delete(node)
    else this.#byNode.set(node, prefixes)
    if (textOf(before) !== textOf(prefixes)) for (const changed of this.#subscribers) changed(node)
  }

  /** Of no Node anybody says it any more. */
  clear(): void {
    for (const node of [...this.#byNode.keys()]) this.replace(node, undefined)
  }

  /** Hears the name of each Node that has other ones, until disposed of. */
  subscribe(changed: (node: string) => void): Disposable {
    this.#subscribers.add(changed)
    return { [Symbol.dispose]: () => void this.#subscribers.delete(changed) }
  }
}

function textOf(prefixes: readonly Cidr[] | undefined): string | undefined {
  return prefixes?.map(({ text }) => text).join()
}
