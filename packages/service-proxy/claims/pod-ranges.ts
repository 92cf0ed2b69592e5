/** The pod prefixes of all Nodes: traffic from them to ClusterIPs keeps its source address, and addresses in them are the pods'. */
import type { Cidr } from '@podroute/address/cidr.ts'
import { OutermostPrefixes } from '@podroute/address/outermost.ts'
import type { NodeIndex } from '@podroute/cluster/node-index.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { elementKey, type SetElement } from '@podroute/kernel/nft/element.ts'
import { setOf } from '../rules/sets.ts'

/** What is used of the table. */
interface ElementSink {
  set(key: string, element: SetElement): void
  delete(key: string): void
}

export class PodRanges {
  readonly #nodes: Pick<NodeIndex, 'withPodCidr'>
  readonly #prefixes: OutermostPrefixes

  constructor(nodes: Pick<NodeIndex, 'withPodCidr'>, table: ElementSink) {
    this.#nodes = nodes
    this.#prefixes = new OutermostPrefixes({
      set: (prefix) => table.set(elementKey(elementOf(prefix)), elementOf(prefix)),
      delete: (prefix) => table.delete(elementKey(elementOf(prefix))),
    })
  }

  /** A Node came, changed or went, which the index knows already: another one may still have a prefix. Returns what changed. */
  nodeChanged(before: ClusterNode | undefined, after: ClusterNode | undefined): readonly Cidr[] {
    const changed = notInBoth(before?.podCidrs ?? [], after?.podCidrs ?? [])
    for (const prefix of changed) {
      if (this.#nodes.withPodCidr(prefix.text)) this.#prefixes.add(prefix)
      else this.#prefixes.delete(prefix)
    }
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
