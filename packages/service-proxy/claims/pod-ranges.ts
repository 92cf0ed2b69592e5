/** The pod prefixes of all Nodes: traffic from them to ClusterIPs keeps its source address, and addresses in them are the pods'. */
import type { Cidr } from '@podroute/address/cidr.ts'
import { OutermostPrefixes } from '@podroute/address/outermost.ts'
import { elementKey, type SetElement } from '@podroute/kernel/nft/element.ts'
import { Claims } from '@podroute/reconcile/claims.ts'
import { setOf } from '../rules/sets.ts'

/** What is used of the table. */
interface ElementSink {
  set(key: string, element: SetElement): void
  delete(key: string): void
}

export class PodRanges {
  readonly #prefixes: OutermostPrefixes
  /** By the name of the Node: several may have one prefix. */
  readonly #claims: Claims<string, string, Cidr>
  readonly #byNode = new Map<string, readonly Cidr[]>()

  constructor(table: ElementSink) {
    this.#prefixes = new OutermostPrefixes({
      set: (prefix) => table.set(elementKey(elementOf(prefix)), elementOf(prefix)),
      delete: (prefix) => table.delete(elementKey(elementOf(prefix))),
    })
    this.#claims = new Claims<string, string, Cidr>({
      set: (_text, prefix, previous) => {
        if (!previous) this.#prefixes.add(prefix)
      },
      delete: (_text, prefix) => this.#prefixes.delete(prefix),
    })
  }

  /** Puts the prefixes of a Node in place of those it had. Returns what only one of the two has. */
  replace(node: string, prefixes: readonly Cidr[]): readonly Cidr[] {
    const changed = notInBoth(this.#byNode.get(node) ?? [], prefixes)
    if (changed.length === 0) return changed
    if (prefixes.length === 0) this.#byNode.delete(node)
    else this.#byNode.set(node, prefixes)
    this.#claims.replace(
      node,
      prefixes.map((prefix) => [prefix.text, prefix]),
    )
    return changed
  }

  /** Whether an address is a pod's. */
  hold(host: Cidr): boolean {
    return this.#prefixes.hold(host)
  }
}

function elementOf({ family, text }: Cidr): SetElement {
  return { set: setOf('service-pods', family), element: text }
}

/** What only one of two lists has, by its text. */
function notInBoth<T extends { readonly text: string }>(
  before: readonly T[],
  after: readonly T[],
): readonly T[] {
  const lacks = (list: readonly T[]) => (item: T) => !list.some(({ text }) => text === item.text)
  return [...before.filter(lacks(after)), ...after.filter(lacks(before))]
}
