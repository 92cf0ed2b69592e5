/** The Nodes of the cluster, indexed as the pod network asks for them. */
import type { ClusterNode } from './plan/node.ts'

export class ClusterNodes {
  readonly #nodes = new Map<string, ClusterNode>()
  readonly #byAddress = new Map<string, string>()
  readonly #byPrefix = new Map<string, string>()

  get size(): number {
    return this.#nodes.size
  }

  get(name: string): ClusterNode | undefined {
    return this.#nodes.get(name)
  }

  values(): Iterable<ClusterNode> {
    return this.#nodes.values()
  }

  /** Returns what was there before. */
  set(node: ClusterNode): ClusterNode | undefined {
    const before = this.delete(node.name)
    this.#nodes.set(node.name, node)
    for (const address of node.addresses) this.#byAddress.set(address.text, node.name)
    for (const prefix of node.podCidrs) this.#byPrefix.set(prefix.text, node.name)
    return before
  }

  delete(name: string): ClusterNode | undefined {
    const node = this.#nodes.get(name)
    if (!node) return undefined
    this.#nodes.delete(name)
    // Another Node may have taken them over meanwhile.
    for (const { text } of node.addresses)
      if (this.#byAddress.get(text) === name) this.#byAddress.delete(text)
    for (const { text } of node.podCidrs) if (this.#byPrefix.get(text) === name) this.#byPrefix.delete(text)
    return node
  }

  /** Addresses and prefixes that another Node has as well, each with its field and that Node. */
  claimedByOthers(node: ClusterNode): string[] {
    const others = (
      field: string,
      texts: readonly { readonly text: string }[],
      owners: Map<string, string>,
    ) =>
      texts
        .filter(({ text }) => (owners.get(text) ?? node.name) !== node.name)
        .map(({ text }) => `${field}: ${text} is ${owners.get(text)}'s already`)
    return [
      ...others('spec.podCIDRs', node.podCidrs, this.#byPrefix),
      ...others('status.addresses', node.addresses, this.#byAddress),
    ]
  }

  withAddress(address: string): ClusterNode | undefined {
    return this.#nodes.get(this.#byAddress.get(address) ?? '')
  }

  /** The Node with exactly this pod prefix. */
  withPodCidr(prefix: string): ClusterNode | undefined {
    return this.#nodes.get(this.#byPrefix.get(prefix) ?? '')
  }
}
