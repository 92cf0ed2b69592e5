/** The Nodes of the cluster by name, by address and by pod prefix. */
import { type ClaimRule, type ClaimSink, Claims } from '@podroute/reconcile/claims.ts'
import type { ClusterNode } from './objects/node.ts'

/** What one Node claims that another one claims as well. */
export interface SharedClaim {
  /** The field that says so. */
  readonly path: 'status.addresses' | 'spec.podCIDRs'
  /** Canonical text of the address or prefix. */
  readonly value: string
  readonly other: ClusterNode
}

/** Who is Ready has the address; else who was first, so that a newcomer takes nothing away. */
const BEST_STANDING: ClaimRule<string, ClusterNode> = {
  precedes: ({ value: a }, { value: b }) =>
    Number(b.ready) - Number(a.ready) ||
    a.created - b.created ||
    (a.name < b.name ? -1 : Number(a.name > b.name)),
}
/** The winners are asked for, nobody is told. */
const NOBODY: ClaimSink<string, ClusterNode> = { set() {}, delete() {} }

type NodeClaims = Claims<string, string, ClusterNode>

export class NodeIndex {
  readonly #nodes: ReadonlyMap<string, ClusterNode>
  readonly #byAddress: NodeClaims = new Claims(NOBODY, BEST_STANDING)
  readonly #byPrefix: NodeClaims = new Claims(NOBODY, BEST_STANDING)

  /** @param nodes all of them by name, in step with `update` */
  constructor(nodes: ReadonlyMap<string, ClusterNode>) {
    this.#nodes = nodes
  }

  get size(): number {
    return this.#nodes.size
  }

  get(name: string): ClusterNode | undefined {
    return this.#nodes.get(name)
  }

  values(): Iterable<ClusterNode> {
    return this.#nodes.values()
  }

  /** The Node that an address is taken for: of several that claim it the best one, whichever came first. */
  withAddress(address: string): ClusterNode | undefined {
    return this.#byAddress.winner(address)?.value
  }

  /** The Node with exactly this pod prefix: of several that claim it the best one. */
  withPodCidr(prefix: string): ClusterNode | undefined {
    return this.#byPrefix.winner(prefix)?.value
  }

  /** All that claim an address, the best one first: a Node may be gone while its object is not, or lie. @param address canonical text */
  claimantsOfAddress(address: string): readonly ClusterNode[] {
    return this.#byAddress.claims(address).map(({ value }) => value)
  }

  /** All that claim a pod prefix, the best one first. @param prefix canonical text */
  claimantsOfPodCidr(prefix: string): readonly ClusterNode[] {
    return this.#byPrefix.claims(prefix).map(({ value }) => value)
  }

  /** What other Nodes claim as well as `node`, which may be an earlier version of one: when it changes, they are to be judged again. */
  sharedClaims(node: ClusterNode): SharedClaim[] {
    const others = (
      path: SharedClaim['path'],
      claims: readonly { readonly text: string }[],
      index: NodeClaims,
    ): SharedClaim[] =>
      claims.flatMap(({ text }) =>
        index
          .claims(text)
          .filter(({ owner }) => owner !== node.name)
          .map(({ value: other }) => ({ path, value: text, other })),
      )
    return [
      ...others('spec.podCIDRs', node.podCidrs, this.#byPrefix),
      ...others('status.addresses', node.addresses, this.#byAddress),
    ]
  }

  /** Called by whoever keeps the Nodes, before others are told. */
  update(name: string, node: ClusterNode | undefined): void {
    const claims = (texts: readonly { readonly text: string }[] = []) =>
      texts.map(({ text }) => [text, node!] as const)
    this.#byAddress.replace(name, claims(node?.addresses))
    this.#byPrefix.replace(name, claims(node?.podCidrs))
  }
}
