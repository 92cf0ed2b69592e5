/**
 * The Nodes of the cluster, indexed as the pod network asks for them. A Node that lacks its prefixes or its addresses has those that it
 * last had, and the local Node is there even while it is deleted: its pods run on, and nothing of theirs may go for that.
 */

import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { type ClaimRule, type ClaimSink, Claims } from '@podroute/reconcile/claims.ts'
import { withFieldsOf } from './last-known-fields.ts'

/** Several Nodes may have an address or a prefix for a moment: it is that of a Node that is ready, else of the lower name. */
const READY_FIRST: ClaimRule<string, ClusterNode> = {
  precedes: (a, b) =>
    Number(b.value.ready) - Number(a.value.ready) || (a.owner < b.owner ? -1 : a.owner > b.owner ? 1 : 0),
}
/** The winners are asked for, nobody is told. */
const NOBODY: ClaimSink<string, ClusterNode> = { set() {}, delete() {} }

export class ClusterNodes {
  readonly #localName: string | undefined
  readonly #nodes = new Map<string, ClusterNode>()
  /** As the API server has them now. */
  readonly #reported = new Map<string, ClusterNode>()
  readonly #byAddress = new Claims<string, string, ClusterNode>(NOBODY, READY_FIRST)
  readonly #byPrefix = new Claims<string, string, ClusterNode>(NOBODY, READY_FIRST)

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
    const { name } = reported
    const before = this.#nodes.get(name)
    const node = before ? withFieldsOf(reported, before) : reported
    this.#reported.set(name, reported)
    this.#nodes.set(name, node)
    this.#byAddress.replace(
      name,
      node.addresses.map(({ text }) => [text, node]),
    )
    this.#byPrefix.replace(
      name,
      node.podCidrs.map(({ text }) => [text, node]),
    )
    return before
  }

  /** Returns what was there before. */
  delete(name: string): ClusterNode | undefined {
    const node = this.#nodes.get(name)
    this.#reported.delete(name)
    if (name === this.#localName) return node
    this.#nodes.delete(name)
    this.#byAddress.remove(name)
    this.#byPrefix.remove(name)
    return node
  }

  /** Addresses and prefixes that another Node has as well, each with its field and that Node. */
  claimedByOthers(node: ClusterNode): string[] {
    const others = (
      field: string,
      texts: readonly { readonly text: string }[],
      claims: Claims<string, string, ClusterNode>,
    ) =>
      texts.flatMap(({ text }) => {
        const owner = claims.winner(text)?.owner ?? node.name
        return owner === node.name ? [] : [`${field}: ${text} is ${owner}'s already`]
      })
    return [
      ...others('spec.podCIDRs', node.podCidrs, this.#byPrefix),
      ...others('status.addresses', node.addresses, this.#byAddress),
    ]
  }

  withAddress(address: string): ClusterNode | undefined {
    return this.#byAddress.winner(address)?.value
  }

  /** The Node with exactly this pod prefix. */
  withPodCidr(prefix: string): ClusterNode | undefined {
    return this.#byPrefix.winner(prefix)?.value
  }
}
