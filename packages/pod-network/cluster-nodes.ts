/**
 * The Nodes of the cluster, indexed as the pod network asks for them. A Node that lacks its prefixes or its addresses has those that it
 * last had, and the local Node is there even while it is deleted: its pods run on, and nothing of theirs may go for that.
 */
import { type ClusterNode, withFieldsOf } from './plan/node.ts'

export class ClusterNodes {
  readonly #localName: string | undefined
  readonly #nodes = new Map<string, ClusterNode>()
  /** As the API server has them now. */
  readonly #reported = new Map<string, ClusterNode>()
  readonly #byAddress = new Map<string, string>()
  readonly #byPrefix = new Map<string, string>()

  /** @param localName of the Node that the agent runs on */
  constructor(localName?: string) {
    this.#localName = localName
  }

  get size(): number {
    return this.#nodes.size
  }

  get(name: string): ClusterNode | undefined {
    return this.#nodes.get(name)
  }

  /** The Node as the API server has it now, with nothing kept from before. */
  reported(name: string): ClusterNode | undefined {
    return this.#reported.get(name)
  }

  values(): Iterable<ClusterNode> {
    return this.#nodes.values()
  }

  /** Returns what was there before. */
  set(reported: ClusterNode): ClusterNode | undefined {
    const before = this.#remove(reported.name)
    const node = before ? withFieldsOf(reported, before) : reported
    this.#reported.set(node.name, reported)
    this.#nodes.set(node.name, node)
    for (const address of node.addresses) this.#byAddress.set(address.text, node.name)
    for (const prefix of node.podCidrs) this.#byPrefix.set(prefix.text, node.name)
    return before
  }

  /** Returns what was there before. */
  delete(name: string): ClusterNode | undefined {
    this.#reported.delete(name)
    return name === this.#localName ? this.#nodes.get(name) : this.#remove(name)
  }

  #remove(name: string): ClusterNode | undefined {
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
